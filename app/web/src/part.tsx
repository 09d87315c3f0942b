import { createResource, createSignal, Match, Switch, type Component, type JSX } from "solid-js";
import { Dynamic } from "solid-js/web";
import { lookForUpdate } from "./update.ts";

const AGAIN_MS = 500;
const after = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const Loading = () => <p class="loading">Loading…</p>;

/**
 * A component that is loaded when it is first shown. When that fails, the rest of the page stays as it is and the
 * person is told what can be done: without a network there is nothing to load, and a release long past may be gone.
 */
export function part<Props extends object>(load: () => Promise<Component<Props>>): Component<Props> {
  return (props) => {
    const [attempt, setAttempt] = createSignal(1);
    const [found] = createResource(attempt, async () => {
      try {
        const component = await load().catch(() => after(AGAIN_MS).then(load));
        // Running a large part and showing it are two tasks: between them a phone can answer a finger.
        await after(0);
        return { component };
      } catch (error) {
        console.warn("A part of the page could not be loaded:", error);
        void lookForUpdate();
        return { component: undefined };
      }
    });
    return (
      <Switch fallback={<Loading />}>
        <Match when={!found.loading && found()?.component}>
          {(component) => <Dynamic component={component() as Component<object>} {...props} />}
        </Match>
        <Match when={!found.loading && found()}>
          <Missing onRetry={() => setAttempt(attempt() + 1)} />
        </Match>
      </Switch>
    );
  };
}

function Missing(props: { onRetry: () => void }): JSX.Element {
  return (
    <div class="missing" role="alert" data-testid="part-missing">
      <p>
        This part of the page could not be loaded. There is no connection, or the page has been replaced by a newer
        version since you opened it.
      </p>
      <div class="row">
        <button class="primary" type="button" data-testid="part-retry" onClick={() => props.onRetry()}>
          Try again
        </button>
        <button class="plain" type="button" data-testid="part-reload" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </div>
    </div>
  );
}
