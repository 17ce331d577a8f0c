import type { ReactNode } from "react";

/** A message that stands out; failures are announced. */
export function Callout({
  tone,
  children,
}: {
  readonly tone: "info" | "passed" | "warned" | "failed";
  readonly children: ReactNode;
}) {
  return (
    <div className={`callout callout-${tone}`} role={tone === "failed" ? "alert" : "status"}>
      {children}
    </div>
  );
}
