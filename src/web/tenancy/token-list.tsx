/** The tokens of a project, or the admin tokens. */
import { useInfiniteQuery, useMutation } from "@connectrpc/connect-query";
import { useMemo } from "react";
import type { Token } from "../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../gen/tally/v1/tenancy_service_pb.js";
import { displayText } from "../format/display-text.js";
import { byPageToken } from "../session/by-page-token.js";
import { useSession } from "../session/session.js";
import { useRefresh } from "../session/use-refresh.js";
import { Badge } from "../ui/badges.js";
import { ConfirmButton } from "../ui/confirm.js";
import { type Column, DataTable } from "../ui/data-table.js";
import { Empty, QueryView } from "../ui/query-view.js";
import { Ago, Line } from "../ui/texts.js";
import { useNow } from "../ui/use-now.js";
import { scopesText, tokenState } from "./token-words.js";

/** Newest first, with a way to revoke each; without `projectId` the admin tokens. */
export function TokenList({ projectId = "" }: { readonly projectId?: string }) {
  const query = useInfiniteQuery(
    TenancyService.method.listTokens,
    { projectId, pageSize: 100, pageToken: "" },
    byPageToken,
  );
  const columns = useMemo(() => tokenColumns(), []);
  return (
    <QueryView query={query} rows={3}>
      {({ pages }) => {
        const tokens = pages.flatMap((page) => page.tokens);
        if (tokens.length === 0) {
          return (
            <Empty title="There is no token yet.">
              <p>Builds and scripts that send to this project need one with the scope INGEST.</p>
            </Empty>
          );
        }
        return (
          <DataTable
            label="Tokens, newest first"
            rows={tokens}
            rowKey={({ tokenId }) => tokenId}
            columns={columns}
            more={query}
          />
        );
      }}
    </QueryView>
  );
}

function tokenColumns(): readonly Column<Token>[] {
  return [
    {
      key: "name",
      title: "Name",
      width: "minmax(0, 1.6fr)",
      cell: ({ name, tokenId }) => (
        <span className="test-label">
          <Line text={name} />
          <span className="soft small mono">{tokenId}</span>
        </span>
      ),
    },
    {
      key: "scopes",
      title: "May",
      width: "minmax(0, 1fr)",
      wideOnly: true,
      cell: (token) => <Line text={scopesText(token)} />,
    },
    {
      key: "created",
      title: "Created",
      width: "90px",
      wideOnly: true,
      cell: ({ createTime }) => <Ago time={createTime} />,
    },
    {
      key: "used",
      title: "Last used",
      width: "90px",
      wideOnly: true,
      cell: ({ lastUseTime }) => <Ago time={lastUseTime} />,
    },
    {
      key: "ends",
      title: "Ends",
      width: "90px",
      wideOnly: true,
      cell: ({ expireTime }) => (expireTime ? <Ago time={expireTime} /> : "never"),
    },
    {
      key: "state",
      title: "State",
      width: "110px",
      align: "end",
      cell: (token) => <TokenEnd token={token} />,
    },
  ];
}

/** How the token ended, or the way to end it. */
function TokenEnd({ token }: { readonly token: Token }) {
  const { caller, signOut } = useSession();
  const refresh = useRefresh();
  const { mutateAsync } = useMutation(TenancyService.method.revokeToken);
  const state = tokenState(token, useNow());
  if (state !== "active") return <Badge tone="skipped">{words[state]}</Badge>;
  const isOwn = caller.token?.tokenId === token.tokenId;
  return (
    <ConfirmButton
      text="Revoke"
      of={`${displayText(token.name, 100)} ${token.tokenId}`}
      title="Revoke this token?"
      confirmText="Revoke it"
      onConfirm={async () => {
        await mutateAsync({ tokenId: token.tokenId });
        if (isOwn) signOut();
        else await refresh(TenancyService);
      }}
    >
      <p>
        <bdi>{displayText(token.name, 200)}</bdi> ends on every server within a second, its open
        streams with it. That cannot be taken back.
      </p>
      {isOwn && <p>It is the token that you are signed in with: you will be signed out.</p>}
    </ConfirmButton>
  );
}

const words = { revoked: "Revoked", expired: "Expired" } as const;
