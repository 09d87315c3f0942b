/** What a container wrote, out of the engine's stream of it. */

export type Line = {
  readonly text: string;
  readonly stream: "stdout" | "stderr";
  /** Nanoseconds since 1970, as digits; the engine's clock. */
  readonly time: bigint;
};

// The engine cuts lines into pieces of 16 KiB; what is longer than this stays cut.
const LONGEST = 64 * 1024;
const HEADER = 8;
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z /;

export function nanoseconds(seconds: string, fraction = ""): bigint {
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** Frames of eight bytes of header (stream, length) and a piece of text, which begins with the time of its line. */
export class LineReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #open = new Map<Line["stream"], Line>();

  /** The lines that `chunk` completes. */
  read(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (buffer.length >= HEADER) {
      const end = HEADER + buffer.readUInt32BE(4);
      if (buffer.length < end) break;
      const line = this.#piece(buffer[0] === 2 ? "stderr" : "stdout", buffer.toString("utf8", HEADER, end));
      if (line) lines.push(line);
      buffer = buffer.subarray(end);
    }
    // A copy, so that the whole chunk is not kept for the sake of its end.
    this.#rest = Buffer.from(buffer);
    return lines;
  }

  #piece(stream: Line["stream"], piece: string): Line | undefined {
    const [stamp = "", seconds, fraction] = STAMP.exec(piece) ?? [];
    const time = seconds === undefined ? 0n : nanoseconds(seconds, fraction);
    const text = piece.slice(stamp.length);
    const before = this.#open.get(stream);
    const whole: Line = before ? { ...before, text: before.text + text } : { stream, time, text };
    if (!whole.text.endsWith("\n") && whole.text.length < LONGEST) {
      this.#open.set(stream, whole);
      return undefined;
    }
    this.#open.delete(stream);
    return { ...whole, text: whole.text.replace(/\r?\n$/, "") };
  }
}
