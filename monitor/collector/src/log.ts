/** One JSON object a line, as all services of a stack write. */
export function log(level: "info" | "warn" | "error" | "fatal", msg: string, error?: unknown): void {
  const more = error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) };
  process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), service: "collector", msg, ...more })}\n`);
}
