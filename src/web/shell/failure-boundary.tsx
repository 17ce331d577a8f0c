import { Component, type ReactNode } from "react";
import { Button } from "../ui/button.js";
import { Callout } from "../ui/callout.js";

/** A page that breaks leaves the rest standing, and can be loaded anew: after an upgrade its files have other names. */
export class FailureBoundary extends Component<
  { readonly children: ReactNode },
  { readonly failure: Error | null }
> {
  override state = { failure: null as Error | null };

  static getDerivedStateFromError(failure: Error) {
    return { failure };
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (failure === null) return this.props.children;
    return (
      <Callout tone="failed">
        <p>This page cannot be shown: {failure.message}</p>
        <Button onClick={() => window.location.reload()}>Load it anew</Button>
      </Callout>
    );
  }
}
