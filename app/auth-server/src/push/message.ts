/** What a device is told of: `items` of which `names` are the first few, by one person. */
export type Addition = { readonly actor: string; readonly items: number; readonly names: readonly string[] };

/** What the service worker gets, as JSON. Under the same tag the newest replaces what is shown. */
export type Message = {
  readonly v: 1;
  readonly event: string;
  readonly title: string;
  readonly body: string;
  readonly url: string;
  readonly tag: string;
};

const NAMES = 3;
const LONGEST_NAME = 60;

/**
 * One message about one list, however many additions it tells of, oldest first. `event` names the newest of them.
 * A push service takes 4 KB; this stays below it, whatever the names are.
 */
export function message(
  event: string,
  list: { readonly id: string; readonly name: string },
  additions: readonly Addition[],
): Message {
  const items = additions.reduce((sum, addition) => sum + addition.items, 0);
  const actors = [...new Set(additions.map((addition) => short(addition.actor)))];
  const names = additions.flatMap((addition) => addition.names).slice(0, NAMES).map(short);
  const more = items > names.length ? " and more" : "";
  return {
    v: 1,
    event,
    title: list.name,
    body: `${people(actors)} added ${items === 1 ? "1 item" : `${items} items`}: ${names.join(", ")}${more}`,
    url: `/lists/${list.id}`,
    tag: `list-${list.id}`,
  };
}

function people(names: readonly string[]): string {
  const [first = "", second] = names;
  if (names.length > 2) return `${first} and ${names.length - 1} others`;
  return second === undefined ? first : `${first} and ${second}`;
}

/** By characters as people count them: half of one cannot be sent. */
function short(name: string): string {
  const characters = [...name];
  return characters.length > LONGEST_NAME ? `${characters.slice(0, LONGEST_NAME - 1).join("")}…` : name;
}
