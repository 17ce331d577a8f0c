import { Component, type ReactNode } from "react";
import { Button } from "../ui/button.js";
import { Callout } from "../ui/callout.js";

interface Props {
  /** What the address asks for: a page that broke is tried again when that is something else. */
  readonly asked: string;
  readonly children: ReactNode;
}

interface State {
  readonly failure: Error | null;
}

/** A page that breaks leaves the rest standing, and can be loaded anew: after an upgrade its files have other names. */
export class FailureBoundary extends Component<Props, State> {
  override state: State = { failure: null };

  static getDerivedStateFromError(failure: Error) {
    return { failure };
  }

  override componentDidUpdate(before: Props, { failure }: State): void {
    // What has only just failed, failed with what is asked for now.
    if (failure !== null && before.asked !== this.props.asked) this.setState({ failure: null });
  }

  override render(): ReactNode {
    const { failure } = this.state;
    if (failure === null) return this.props.children;
    return (
      <Callout tone="failed">
        <p>This page cannot be shown: {failure.message}.</p>
        <Button onClick={() => window.location.reload()}>Load it anew</Button>
      </Callout>
    );
  }
}
