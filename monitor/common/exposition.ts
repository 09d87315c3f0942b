/** Prometheus' text format. */

export type Labels = Readonly<Record<string, string>>;
/** One line; `suffix` tells the lines of a histogram apart. */
export type Sample = { readonly labels: Labels; readonly value: number; readonly suffix?: "_bucket" | "_sum" | "_count" };
export type Family = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
};

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const escapeHelp = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"');

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return String(value);
}

/** What tells the series of one family apart, whatever the order its labels were named in. */
export function labelText(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}="${escapeLabel(labels[name] ?? "")}"`).join(",");
}

export function render(families: Iterable<Family>): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const { labels, value, suffix = "" } of samples) {
      const text = labelText(labels);
      lines.push(`${name}${suffix}${text === "" ? "" : `{${text}}`} ${number(value)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A gauge or a counter without labels. */
export const single = (name: string, type: "gauge" | "counter", help: string, value: number): Family => ({
  name,
  type,
  help,
  samples: [{ labels: {}, value }],
});
