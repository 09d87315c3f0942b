import { createMemo, createResource, createSignal, createUniqueId, For, onMount, Show } from "solid-js";
import { wordsOf } from "../api.ts";
import { createSubmission, Problem } from "../form.tsx";
import {
  askOffer,
  endPush,
  isThisDevice,
  pushSettings,
  pushState,
  removeDevice,
  setQuiet,
  startPush,
  type PushSettings,
} from "../push.ts";
import type { User } from "../session.ts";
import { Outcome } from "./person.tsx";
import { Section, when } from "./section.tsx";

const NONE: PushSettings = { devices: [], quiet: null };
const QUIET_FROM = "22:00";
const QUIET_UNTIL = "07:00";

const STATE_WORDS = {
  unknown: "…",
  on: "You hear of it here when others add something to your lists.",
  off: "Hear of it when others add something to your lists, also while this page is closed.",
  denied:
    "This browser has been told not to show notifications of this page. Its settings for this site can change that.",
  unsupported: "Not possible here: this browser, or this server, does not send notifications.",
} as const;

/** Hearing of what others add: on this device, on which others, and when not. */
export function Notifications(props: { user: User }) {
  const hintId = createUniqueId();
  const problemId = createUniqueId();
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  const [settings, { refetch }] = createResource(async () => {
    try {
      return await pushSettings();
    } catch {
      return NONE;
    }
  });
  onMount(() => void askOffer().catch(() => undefined));

  const possible = () => pushState() === "on" || pushState() === "off";
  const attempt = async (work: () => Promise<unknown>) => {
    if (busy()) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
      await refetch();
    } catch (error) {
      setProblem(wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  const toggle = () => attempt(() => (pushState() === "on" ? endPush() : startPush(props.user)));

  return (
    <Section id="notifications">
      <div class="switch-row">
        <button
          class="switch"
          type="button"
          data-testid="push-toggle"
          data-state={pushState()}
          aria-pressed={pushState() === "on"}
          aria-disabled={!possible() || busy()}
          aria-describedby={`${hintId} ${problemId}`}
          onClick={() => {
            if (possible()) void toggle();
          }}
        >
          Notifications on this device
        </button>
        <p class="hint" id={hintId}>
          {STATE_WORDS[pushState() ?? "unknown"]}
        </p>
      </div>
      <Problem id={problemId} testid="push-error">
        {problem()}
      </Problem>
      <Show when={(settings.latest?.devices.length ?? 0) > 0}>
        <ul class="rows" aria-label="Devices with notifications">
          <For each={settings.latest?.devices}>
            {(device) => (
              <li data-testid="push-device" data-device-id={device.id}>
                <span>
                  {device.label}
                  <Show when={isThisDevice(device)}>
                    <span class="badge">this device</span>
                  </Show>
                  <span class="state">Since {when(device.createdAt)}</span>
                </span>
                <button
                  class="link"
                  type="button"
                  data-testid="push-device-remove"
                  aria-label={`No more notifications on ${device.label}`}
                  onClick={() => void attempt(() => (isThisDevice(device) ? endPush() : removeDevice(device.id)))}
                >
                  Remove
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <QuietHours settings={settings.latest} />
    </Section>
  );
}

function QuietHours(props: { settings: PushSettings | undefined }) {
  const fromId = createUniqueId();
  const problemId = createUniqueId();
  // The form starts from what was known first: what is told later must not undo what is being changed in it.
  const start = createMemo<PushSettings | undefined>((first) => first ?? props.settings);
  const [ticked, setTicked] = createSignal<boolean>();
  const on = () => ticked() ?? Boolean(start()?.quiet);
  const form = createSubmission(async (field) => {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
    await setQuiet(on() ? { from: field("from"), until: field("until"), timeZone } : null);
  });
  return (
    <form class="form quiet-hours" onSubmit={form.submit}>
      <fieldset disabled={!start()}>
        <label class="check">
          <input
            type="checkbox"
            data-testid="quiet-toggle"
            checked={on()}
            onChange={(event) => setTicked(event.currentTarget.checked)}
          />
          Quiet hours, on all your devices
        </label>
        <div class="row times">
          <div class="field">
            <label for={fromId}>From</label>
            <input
              id={fromId}
              name="from"
              type="time"
              data-testid="quiet-from"
              required
              disabled={!on()}
              aria-describedby={problemId}
              value={start()?.quiet?.from ?? QUIET_FROM}
            />
          </div>
          <div class="field">
            <label for={`${fromId}-until`}>Until</label>
            <input
              id={`${fromId}-until`}
              name="until"
              type="time"
              data-testid="quiet-until"
              required
              disabled={!on()}
              aria-describedby={problemId}
              value={start()?.quiet?.until ?? QUIET_UNTIL}
            />
          </div>
        </div>
        <p class="hint">What happens meanwhile is told when they are over.</p>
        <Problem id={problemId} testid="quiet-error">
          {form.problem()}
        </Problem>
        <Outcome form={form} testid="quiet-save" label="Save quiet hours" done="Saved." />
      </fieldset>
    </form>
  );
}
