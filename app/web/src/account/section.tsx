import type { JSX } from "solid-js";

/** The parts of the account page, in their order. */
export const SECTIONS = {
  profile: "Profile",
  appearance: "Appearance",
  password: "Password",
  sessions: "Sessions",
  notifications: "Notifications",
  data: "Your data",
} as const;

export type SectionId = keyof typeof SECTIONS;

export function Section(props: { id: SectionId; children: JSX.Element }) {
  return (
    <section class="section" id={props.id} aria-labelledby={`${props.id}-title`}>
      <h2 id={`${props.id}-title`} tabindex="-1">
        {SECTIONS[props.id]}
      </h2>
      {props.children}
    </section>
  );
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A moment as people write it; `time` in milliseconds since 1970. */
export const when = (time: number): string => moment.format(new Date(time));
