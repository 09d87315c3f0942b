import { createSignal, onCleanup, Show, type JSX } from "solid-js";

/** Shows its children in a task of their own, so that showing much does not keep a slow phone from answering. */
export function Later(props: { children: JSX.Element }) {
  const [due, setDue] = createSignal(false);
  const timer = setTimeout(() => setDue(true));
  onCleanup(() => clearTimeout(timer));
  return <Show when={due()}>{props.children}</Show>;
}
