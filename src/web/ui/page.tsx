import { type ReactNode, useEffect } from "react";

/** A page: its title, what it can be narrowed by, and its content. */
export function Page({
  title,
  heading,
  actions,
  filters,
  children,
}: {
  /** For the tab of the browser, and the heading unless there is another one. */
  readonly title: string;
  readonly heading?: ReactNode;
  readonly actions?: ReactNode;
  readonly filters?: ReactNode;
  readonly children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Tally`;
  }, [title]);
  return (
    <>
      <header className="page-head">
        <h1>{heading ?? title}</h1>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {filters && (
        <search className="filters" aria-label="Filters">
          {filters}
        </search>
      )}
      {children}
    </>
  );
}

/** A titled part of a page. */
export function Section({
  title,
  note,
  actions,
  children,
}: {
  readonly title: string;
  readonly note?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  return (
    <section className="section">
      <header className="section-head">
        <h2>{title}</h2>
        {note && <span className="soft small">{note}</span>}
        {actions && <div className="section-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}
