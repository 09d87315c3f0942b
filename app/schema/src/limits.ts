/** Lengths in characters, the same in the page, in the mutators and in the database's CHECKs. */
export const limits = {
  profileName: 80,
  listName: 100,
  itemName: 200,
  itemQuantity: 40,
  email: 254,
  passwordMin: 10,
  /** bcrypt reads 72 bytes and ignores the rest, so longer ones are refused instead of shortened. */
  passwordMaxBytes: 72,
} as const;

const emailShape = /^[^\s@"(),:;<>[\\\]]+@[^\s@"(),:;<>[\\\]]+\.[^\s@"(),:;<>[\\\].]+$/;

/** The one spelling of an address that is stored and compared, or undefined when it is none. */
export function normaliseEmail(address: string): string | undefined {
  const email = address.trim().normalize("NFC").toLowerCase();
  return email.length <= limits.email && emailShape.test(email) ? email : undefined;
}
