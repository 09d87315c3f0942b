/** Local times "HH:MM" of the named time zone, the second not the first; from later to earlier goes over midnight. */
export type Quiet = { readonly from: string; readonly until: string; readonly timeZone: string };

const DAY = 24 * 60;
const MINUTE_MS = 60_000;

/** Whether this server can tell the time there. Browsers and servers know the same names (ICU's), databases fewer. */
export function knowsTimeZone(name: string): boolean {
  try {
    return clock(0, name) >= 0;
  } catch {
    return false;
  }
}

/** When silence that covers `moment` ends, both in milliseconds since 1970; undefined when `moment` is not silent. */
export function silentUntil(moment: number, { from, until, timeZone }: Quiet): number | undefined {
  const start = minutes(from);
  const end = minutes(until);
  const now = clock(moment, timeZone);
  if (distance(start, now) >= distance(start, end)) return undefined;
  const minute = Math.floor(moment / MINUTE_MS) * MINUTE_MS;
  const guess = minute + distance(now, end) * MINUTE_MS;
  // Clocks may be changed in the night: then the same time of day comes earlier or later.
  const missed = distance(clock(guess, timeZone), end);
  return guess + (missed > DAY / 2 ? missed - DAY : missed) * MINUTE_MS;
}

/** Minutes from one time of day until it is the other. */
const distance = (from: number, to: number) => (to - from + DAY) % DAY;

const minutes = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** Minutes since midnight there. */
function clock(moment: number, timeZone: string): number {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return minutes(format.format(moment));
}
