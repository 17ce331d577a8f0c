import type { ReactNode } from "react";
import { Scope } from "../../../gen/tally/v1/tenancy_pb.js";
import { Empty } from "../ui/query-view.js";
import { useSession } from "./session.js";

/** The content for a token with the scope; for another one `without`, and what to do. */
export function WithScope({
  scope,
  without,
  children,
}: {
  readonly scope: Scope;
  readonly without: string;
  readonly children: ReactNode;
}) {
  const { may } = useSession();
  if (may(scope)) return children;
  return (
    <Empty title={without}>
      <p>It lacks the scope {Scope[scope]}. Sign out and sign in with a token that has it.</p>
    </Empty>
  );
}
