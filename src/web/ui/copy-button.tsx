import { useState } from "react";
import { Button } from "./button.js";
import { Unseen } from "./unseen.js";

/** Copies the text; says so for two seconds, also to those who listen. */
export function CopyButton({
  text,
  label = "Copy",
  of,
}: {
  readonly text: string;
  readonly label?: string;
  /** What the text is, where a page has several to copy. */
  readonly of?: string;
}) {
  const [said, setSaid] = useState<string | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      // Pages that came over plain HTTP from another machine have no clipboard.
      setSaid("Select it and copy by hand");
    }
    setTimeout(() => setSaid(null), 2000);
  };
  return (
    <Button kind="quiet" onClick={copy}>
      <span aria-live="polite">{said ?? label}</span>
      <Unseen text={of} />
    </Button>
  );
}
