/** A dialog of the browser's own: it holds the focus, Escape closes it, and what is behind cannot be reached. */
import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.js";

/** Open as long as it exists. `onClose` is called for Escape and the button; `actions` stand beside that. */
export function Dialog({
  title,
  closeLabel = "Cancel",
  actions,
  onClose,
  children,
}: {
  readonly title: string;
  readonly closeLabel?: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  onClose(): void;
}) {
  const id = useId();
  const place = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = place.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={place}
      className="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="stack">
        <h2 id={id}>{title}</h2>
        {children}
        <div className="dialog-actions">
          <Button onClick={onClose}>{closeLabel}</Button>
          {actions}
        </div>
      </div>
    </dialog>
  );
}
