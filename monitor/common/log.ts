type Level = "info" | "warn" | "error" | "fatal";
export type Log = (level: Level, msg: string, more?: Readonly<Record<string, unknown>>) => void;

/** One JSON object a line, as all services of a stack write. */
export const logger =
  (service: string): Log =>
  (level, msg, more = {}) =>
    void process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), service, msg, ...more })}\n`);

/** What a log may say of an error: its message, and of what kind it is. */
export const errorText = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
