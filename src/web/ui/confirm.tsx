import { type ReactNode, useState } from "react";
import { Button } from "./button.js";
import { Callout } from "./callout.js";
import { Dialog } from "./dialog.js";
import { errorText } from "./error-text.js";
import { Unseen } from "./unseen.js";

/** A button that asks before it acts, for what cannot be taken back. The dialog closes when `onConfirm` has resolved. */
export function ConfirmButton({
  text,
  of,
  title,
  confirmText = text,
  typed,
  children,
  onConfirm,
}: {
  readonly text: string;
  /** What it acts on, where a page has several of its kind. */
  readonly of?: string;
  readonly title: string;
  readonly confirmText?: string;
  /** Must be typed before it can be confirmed. */
  readonly typed?: string;
  readonly children: ReactNode;
  onConfirm(): Promise<unknown>;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button kind="danger" onClick={() => setOpen(true)} aria-haspopup="dialog">
        {text}
        <Unseen text={of} />
      </Button>
      {isOpen && (
        <ConfirmDialog
          title={title}
          confirmText={confirmText}
          typed={typed}
          onConfirm={onConfirm}
          onClose={() => setOpen(false)}
        >
          {children}
        </ConfirmDialog>
      )}
    </>
  );
}

/** The text as a page shows it: blanks and new lines in a row are one blank. */
function asShown(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

function ConfirmDialog({
  title,
  confirmText,
  typed,
  children,
  onConfirm,
  onClose,
}: {
  readonly title: string;
  readonly confirmText: string;
  readonly typed: string | undefined;
  readonly children: ReactNode;
  onConfirm(): Promise<unknown>;
  onClose(): void;
}) {
  const [given, setGiven] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <Button
          kind="danger"
          onClick={confirm}
          isBusy={isBusy}
          disabled={typed !== undefined && asShown(given) !== asShown(typed)}
        >
          {confirmText}
        </Button>
      }
    >
      {children}
      {typed !== undefined && (
        <label className="field">
          <span>
            Type its name to confirm: <bdi className="mono">{typed}</bdi>
          </span>
          <input
            value={given}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setGiven(event.target.value)}
          />
        </label>
      )}
      {error !== null && <Callout tone="failed">{errorText(error)}</Callout>}
    </Dialog>
  );
}
