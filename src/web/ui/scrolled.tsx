import type { ReactNode } from "react";

/** A place of its own that scrolls, which the keyboard must reach for that. */
export function Scrolled({
  label,
  className,
  children,
}: {
  readonly label: string;
  readonly className: string;
  readonly children: ReactNode;
}) {
  return (
    // biome-ignore-start lint/a11y: it takes the focus to be scrolled, and is no landmark
    <div className={className} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
    // biome-ignore-end lint/a11y: as above
  );
}
