import { CopyButton } from "./copy-button.js";
import "../styles/command.css";

/** A command to copy into a terminal. */
export function Command({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <div className="command">
      {/* biome-ignore-start lint/a11y: what scrolls must be reachable by keyboard, and is no landmark */}
      <div className="command-text" role="group" tabIndex={0} aria-label={label}>
        <pre>{text}</pre>
      </div>
      {/* biome-ignore-end lint/a11y: as above */}
      <CopyButton text={text} of={label} />
    </div>
  );
}
