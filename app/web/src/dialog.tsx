import { onMount, type JSX } from "solid-js";
import { CloseIcon } from "./icons.tsx";

/** A modal dialog; the browser keeps the focus inside, closes it on Escape and gives the focus back. */
export function Dialog(props: { title: string; testid: string; onClose: () => void; children: JSX.Element }) {
  let dialog!: HTMLDialogElement;
  onMount(() => dialog.showModal());
  return (
    <dialog
      ref={dialog}
      data-testid={props.testid}
      aria-label={props.title}
      onClose={() => props.onClose()}
      onClick={(event) => {
        if (event.target === dialog) dialog.close();
      }}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2>{props.title}</h2>
          <button
            class="plain icon-button"
            type="button"
            data-testid="dialog-close"
            aria-label="Close"
            onClick={() => dialog.close()}
          >
            <CloseIcon />
          </button>
        </div>
        {props.children}
      </div>
    </dialog>
  );
}
