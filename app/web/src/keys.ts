/** The bytes that base64url text stands for: the form in which a server names its key. */
export function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export const sameBytes = (one: ArrayBuffer | null | undefined, other: Uint8Array): boolean =>
  one != null && one.byteLength === other.byteLength && new Uint8Array(one).every((byte, at) => byte === other[at]);

/** A name for this device that its owner knows it by: "Firefox on Android". */
export function deviceLabel(agent: string): string {
  const named = (known: readonly (readonly [RegExp, string])[], otherwise: string) =>
    known.find(([shape]) => shape.test(agent))?.[1] ?? otherwise;
  const browser = named(
    [
      [/Edg(A|iOS)?\//, "Edge"],
      [/OPR\//, "Opera"],
      [/SamsungBrowser\//, "Samsung Internet"],
      [/(Firefox|FxiOS)\//, "Firefox"],
      [/(Chrome|Chromium|CriOS)\//, "Chrome"],
      [/Safari\//, "Safari"],
    ],
    "A browser",
  );
  const system = named(
    [
      [/Android/, "Android"],
      [/iPhone/, "iPhone"],
      [/iPad/, "iPad"],
      [/Windows/, "Windows"],
      [/CrOS/, "ChromeOS"],
      [/Mac OS X/, "Mac"],
      [/Linux/, "Linux"],
    ],
    "",
  );
  return system === "" ? browser : `${browser} on ${system}`;
}
