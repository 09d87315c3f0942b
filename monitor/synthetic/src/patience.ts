/** Something did not happen in time. */
export class TooLate extends Error {
  override readonly name = "TooLate";
}

/** What `work` resolves with, unless it takes longer; its signal aborts then. */
export async function within<Result>(
  milliseconds: number,
  what: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TooLate(`${what}: not within ${milliseconds / 1000} s`));
      late.abort();
    }, milliseconds);
  });
  try {
    return await Promise.race([work(late.signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
