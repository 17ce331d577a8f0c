/** What a control acts on, for those who hear it alone: where a page has several of its kind. Nothing for undefined. */
export function Unseen({ text }: { readonly text: string | undefined }) {
  return text === undefined ? null : <span className="unseen"> {text}</span>;
}
