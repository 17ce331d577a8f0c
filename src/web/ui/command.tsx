import { CopyButton } from "./copy-button.js";
import { Scrolled } from "./scrolled.js";
import "../styles/command.css";

/** A command to copy into a terminal. */
export function Command({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <div className="command">
      <Scrolled className="command-text" label={label}>
        <pre>{text}</pre>
      </Scrolled>
      <CopyButton text={text} of={label} />
    </div>
  );
}
