import { createSignal, createUniqueId, Show, splitProps, type JSX } from "solid-js";
import { wordsOf } from "./api.ts";

type FieldProps = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, "id" | "aria-describedby"> & {
  label: string;
  testid: string;
  hint?: string | undefined;
  /** What is wrong with the whole form; read out with each of its fields. */
  problemId?: string | undefined;
};

/** A labelled input; its hint and the form's problem are read with it. */
export function Field(props: FieldProps) {
  const [own, input] = splitProps(props, ["label", "testid", "hint", "problemId"]);
  const id = createUniqueId();
  const described = () => [own.hint ? `${id}-hint` : "", own.problemId ?? ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{own.label}</label>
      <input id={id} data-testid={own.testid} aria-describedby={described() || undefined} {...input} />
      <Show when={own.hint}>
        <p class="hint" id={`${id}-hint`}>
          {own.hint}
        </p>
      </Show>
    </div>
  );
}

export type Fields = (name: string) => string;

/** What a form does when it is sent, and how that goes. `work` throws what is wrong, in words for a person. */
export function createSubmission(work: (field: Fields, form: HTMLFormElement) => Promise<void>) {
  const [busy, setBusy] = createSignal(false);
  const [done, setDone] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  const submit = async (event: SubmitEvent & { currentTarget: HTMLFormElement }) => {
    event.preventDefault();
    if (busy()) return;
    const form = event.currentTarget;
    const content = new FormData(form);
    setBusy(true);
    setDone(false);
    setProblem(undefined);
    try {
      await work((name) => String(content.get(name) ?? ""), form);
      setDone(true);
    } catch (error) {
      setProblem(wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, done, problem, setProblem, submit: (event: Parameters<typeof submit>[0]) => void submit(event) };
}

/** Where a form says what is wrong. It is there from the start: what appears later may not be read out. */
export const Problem = (props: { id: string; testid?: string; children: JSX.Element }) => (
  <p class="problem" id={props.id} role="alert" data-testid={props.testid}>
    {props.children}
  </p>
);
