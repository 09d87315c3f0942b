// In the order of their codes, as every sort here compares.
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LAST = DIGITS.length - 1;
const digit = (value: number) => DIGITS.charAt(value);

/**
 * A position between two others, in which a list sorts by hand: digits of base 62 behind a point, without a 0 at the
 * end. "" before means the beginning, undefined after the end. Of two that are equal or the wrong way round, which two
 * people moving at once may leave, the second does not count.
 */
export function between(before: string, after?: string): string {
  if (after === undefined || after <= before) return behind(before);
  if (before === "") return ahead(after);
  return middle(before, after);
}

/** `count` positions for a list that had none, in order and with room between them. */
export function evenly(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const value = Math.floor(((index + 1) * DIGITS.length ** 3) / (count + 1));
    const text = [DIGITS.length ** 2, DIGITS.length, 1].map((unit) => digit(Math.floor(value / unit) % DIGITS.length));
    return text.join("").replace(/0+$/, "");
  });
}

// Steps of one at either end, where most moves go, so that positions there grow by a digit every few dozen moves only.
function behind(before: string): string {
  if (before === "") return digit(LAST >> 1);
  const first = DIGITS.indexOf(before.charAt(0));
  return first < LAST ? digit(first + 1) : digit(LAST) + behind(before.slice(1));
}

function ahead(after: string): string {
  const first = DIGITS.indexOf(after.charAt(0));
  if (first > 1) return digit(first - 1);
  if (first === 1) return digit(0) + digit(LAST);
  return digit(0) + ahead(after.slice(1));
}

function middle(before: string, after: string): string {
  const low = before === "" ? 0 : DIGITS.indexOf(before.charAt(0));
  const high = DIGITS.indexOf(after.charAt(0));
  if (low === high) return digit(low) + middle(before.slice(1), after.slice(1));
  if (high - low > 1) return digit((low + high) >> 1);
  return after.length > 1 ? digit(high) : digit(low) + behind(before.slice(1));
}
