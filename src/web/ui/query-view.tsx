/** What a page shows of a question: that it waits, that it failed and what to do, or the answer. */
import type { ReactNode } from "react";
import { Button } from "./button.js";
import { Callout } from "./callout.js";
import { errorText } from "./error-text.js";

/** As far as `useQuery` and `useInfiniteQuery` agree. */
export interface Asked<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly isFetching: boolean;
  /** The data answers an earlier question: this one has no answer yet. */
  readonly isPlaceholderData?: boolean;
  refetch(): unknown;
}

/**
 * The answer by `children`. An earlier answer stays on view while a newer one is asked for, and when that fails; one to an earlier
 * question is dimmed.
 */
export function QueryView<T>({
  query,
  rows = 6,
  children,
}: {
  readonly query: Asked<T>;
  /** Height of the empty place while waiting, in lines: as high as the answer will be, so that nothing jumps. */
  readonly rows?: number;
  readonly children: (data: T) => ReactNode;
}) {
  const { data, error, isFetching, isPlaceholderData } = query;
  return (
    <>
      {error !== null && error !== undefined && (
        <Callout tone="failed">
          <p>{errorText(error)}</p>
          <Button onClick={() => query.refetch()} isBusy={isFetching}>
            Try again
          </Button>
        </Callout>
      )}
      {data === undefined ? (
        !error && <Waiting rows={rows} />
      ) : (
        <div className="answer" aria-busy={isPlaceholderData || undefined}>
          {children(data)}
        </div>
      )}
    </>
  );
}

/** The empty place of an answer that is awaited. */
export function Waiting({ rows = 6 }: { readonly rows?: number }) {
  return (
    <div className="waiting" role="status" aria-label="Loading">
      {Array.from(Array(rows).keys(), (row) => (
        <span key={row} className="waiting-line" />
      ))}
    </div>
  );
}

/** That there is nothing, and what to do about it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}
