/** One rejection: what is wrong, the item, and what can be done. */
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link } from "wouter";
import { type Rejection, RejectionState } from "../../../../gen/tally/v1/rejection_pb.js";
import { RejectionService } from "../../../../gen/tally/v1/rejection_service_pb.js";
import { Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { paths } from "../../routes.js";
import { useSession } from "../../session/session.js";
import { Page, Section } from "../../ui/page.js";
import { QueryView } from "../../ui/query-view.js";
import { kindWords } from "../../ui/rejection-words.js";
import { Block } from "../../ui/texts.js";
import { Violations } from "../../ui/violations.js";
import type { ProjectPageProps } from "../project-page.js";
import { itemText } from "./rejected-item.js";
import { ReasonBadge, RejectionStateBadge } from "./rejection-badges.js";
import { RejectionFacts } from "./rejection-facts.js";
import { type Answer, ReplayAnswer } from "./replay-answer.js";
import { ReplayEditor } from "./replay-editor.js";

export function RejectionView({
  projectId,
  params,
  id,
}: ProjectPageProps & { readonly params: URLSearchParams; readonly id: string }) {
  const query = useQuery(RejectionService.method.getRejection, { projectId, rejectionId: id });
  const rejection = query.data?.rejection;
  const { id: _, ...rest } = Object.fromEntries(params);
  return (
    <Page
      title={
        rejection === undefined ? "Rejection" : `Refused ${kindWords[rejection.kind].toLowerCase()}`
      }
      actions={
        <>
          {rejection && <ReasonBadge reason={rejection.reason} />}
          {rejection && <RejectionStateBadge state={rejection.state} />}
          <Link href={paths.rejections(projectId, rest)}>All rejections</Link>
        </>
      }
    >
      <QueryView query={query} rows={10}>
        {({ rejection: shown }) => shown && <Found projectId={projectId} rejection={shown} />}
      </QueryView>
    </Page>
  );
}

function Found({ projectId, rejection }: ProjectPageProps & { readonly rejection: Rejection }) {
  const { may } = useSession();
  const text = itemText(rejection);
  const isOpen = rejection.state === RejectionState.OPEN;
  // Stays on view when the rejection is resolved by it.
  const [answer, setAnswer] = useState<Answer | null>(null);
  return (
    <div className="split">
      <div className="stack">
        <Section title="What is wrong">
          <div className="card">
            <Violations
              violations={rejection.fieldViolations}
              truncated={rejection.violationsTruncated}
            />
          </div>
        </Section>
        <Section title="Facts">
          <div className="card">
            <RejectionFacts projectId={projectId} rejection={rejection} />
          </div>
        </Section>
      </div>
      <Section title="The item">
        {text === undefined ? (
          <p className="soft">It was closed more than 30 days ago: its bytes are no longer kept.</p>
        ) : isOpen && may(Scope.MANAGE) ? (
          <ReplayEditor
            projectId={projectId}
            rejection={rejection}
            kept={text}
            onAnswer={setAnswer}
          />
        ) : (
          <>
            <Block label="The refused item" text={text} />
            <p className="soft small">
              {isOpen
                ? "Mending, replaying and dismissing it needs a token with the scope MANAGE."
                : "It is closed: there is nothing left to do."}
            </p>
          </>
        )}
        {answer !== null && <ReplayAnswer projectId={projectId} answer={answer} />}
      </Section>
    </div>
  );
}
