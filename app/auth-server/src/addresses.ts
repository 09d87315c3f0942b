import { isIPv6 } from "node:net";

/**
 * What a client's address is counted as: an IPv4 address itself, of an IPv6 address the /64 it lies in, since any
 * household has that many to choose from.
 */
export function addressKey(ip: string): string {
  const plain = ip.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return ip;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    // A dotted quad at the end stands for two groups.
    const length = rest.length + (rest.at(-1)?.includes(".") ? 1 : 0);
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - length)).fill("0"), ...rest);
  }
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}
