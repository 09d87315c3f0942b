/** Lengths in characters, the same in the page, in the mutators and in the database's CHECKs; and how many of each. */
export const limits = {
  profileName: 80,
  listName: 100,
  itemName: 200,
  itemQuantity: 40,
  itemUnit: 20,
  itemCategory: 40,
  itemNote: 500,
  itemPosition: 100,
  /** Items that one change may name. */
  itemsAtOnce: 500,
  itemsPerList: 1000,
  listsPerUser: 200,
  membersPerList: 50,
  invitationsPerList: 50,
  rememberedPerList: 300,
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

/** Whom monitoring logs in as. The server keeps the account; nobody can make it, and no mail reaches it. */
export const SYNTHETIC_EMAIL = "synthetic@grocery.invalid";

/** `normaliseEmail` for addresses of people: none is under the name that stands for no place at all (RFC 2606). */
export function reachableEmail(address: string): string | undefined {
  const email = normaliseEmail(address);
  return email === undefined || /[@.]invalid$/.test(email) ? undefined : email;
}

/** Under what a list remembers an item of this name. */
export function rememberedKey(name: string): string {
  return name.trim().toLowerCase().slice(0, limits.itemName);
}
