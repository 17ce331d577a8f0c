import "../styles/live.css";

/** Whether what is shown follows the server as things happen. */
export function LiveMark({ isLive }: { readonly isLive: boolean }) {
  return (
    <span className="live-mark" data-live={isLive} role="status">
      <span className="live-dot" aria-hidden="true" />
      {isLive ? "Live" : "Not live"}
    </span>
  );
}
