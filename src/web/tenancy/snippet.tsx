import { CopyButton } from "../ui/copy-button.js";
import { Block } from "../ui/texts.js";

/** Commands to copy. */
export function Snippet({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <div className="snippet">
      <div className="snippet-head">
        <span className="soft small">{label}</span>
        <CopyButton text={text} of={label} />
      </div>
      <Block label={label} text={text} />
    </div>
  );
}
