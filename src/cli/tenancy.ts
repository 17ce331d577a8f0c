/** `tally org`, `tally project` and `tally token`. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  type Organization,
  type Project,
  Scope,
  type Token,
} from "../../gen/tally/v1/tenancy_pb.js";
import {
  CreateOrganizationResponseSchema,
  CreateProjectResponseSchema,
  CreateTokenResponseSchema,
  ListOrganizationsResponseSchema,
  ListProjectsResponseSchema,
  ListTokensResponseSchema,
  RevokeTokenResponseSchema,
} from "../../gen/tally/v1/tenancy_service_pb.js";
import type { Act } from "./act.js";
import { scopesArgument, timeArgument } from "./arguments.js";
import type { Context } from "./context.js";
import { type ExitCode, exitCodes, UsageError } from "./outcome.js";
import { table } from "./table.js";

/** Adds the commands. */
export function addTenancyCommands(program: Command, act: Act): void {
  const org = program.command("org").description("organizations");
  org
    .command("create <name>")
    .description("create an organization")
    .action(
      act(async (context, [name = ""]) => {
        const answer = await context.client.tenancy.createOrganization({ name });
        context.print(
          CreateOrganizationResponseSchema,
          answer,
          () => answer.organization?.organizationId ?? "",
        );
        return exitCodes.ok;
      }),
    );
  org
    .command("list")
    .description("list the organizations")
    .action(
      act(async (context) => {
        const answer = await context.client.tenancy.listOrganizations({ pageSize: PAGE_SIZE });
        const rows = answer.organizations.map(organizationRow);
        return printPage(
          context,
          ListOrganizationsResponseSchema,
          answer,
          rows,
          "no organization yet",
        );
      }),
    );

  const project = program.command("project").description("projects");
  project
    .command("create <name>")
    .description("create a project")
    .requiredOption("--org <id>", "its organization")
    .action(
      act(async (context, [name = ""], { org }: { org: string }) => {
        const answer = await context.client.tenancy.createProject({ organizationId: org, name });
        context.print(CreateProjectResponseSchema, answer, () => answer.project?.projectId ?? "");
        return exitCodes.ok;
      }),
    );
  project
    .command("list")
    .description("list the projects of an organization")
    .requiredOption("--org <id>", "the organization")
    .action(
      act(async (context, _, { org }: { org: string }) => {
        const answer = await context.client.tenancy.listProjects({
          organizationId: org,
          pageSize: PAGE_SIZE,
        });
        const rows = answer.projects.map(projectRow);
        return printPage(context, ListProjectsResponseSchema, answer, rows, "no project yet");
      }),
    );

  const token = program.command("token").description("tokens");
  token
    .command("create")
    .description("create a token of a project and print it, this once")
    .requiredOption("--name <name>", "what it is for")
    .requiredOption("--scope <scopes>", "ingest, read, manage: one or more", scopesArgument)
    .option("--expires <time>", "when it ends; never by default", timeArgument)
    .action(
      act(async (context, _, { name, scope, expires }: CreateTokenOptions) => {
        const answer = await context.client.tenancy.createToken({
          projectId: context.projectId,
          name,
          scopes: scope,
          ...(expires === undefined ? {} : { expireTime: expires }),
        });
        context.print(CreateTokenResponseSchema, answer, () => answer.secret);
        return exitCodes.ok;
      }),
    );
  token
    .command("list")
    .description("list the tokens of a project")
    .action(
      act(async (context) => {
        const answer = await context.client.tenancy.listTokens({
          projectId: context.projectId,
          pageSize: PAGE_SIZE,
        });
        const rows = answer.tokens.map(tokenRow);
        return printPage(context, ListTokensResponseSchema, answer, rows, "no token yet");
      }),
    );
  token
    .command("revoke <id>")
    .description("end a token, by its id or the token itself")
    .action(
      act(async (context, [given = ""]) => {
        const tokenId = given.startsWith("tly_") ? given.split("_")[2] : given;
        if (!tokenId) throw new UsageError(`${JSON.stringify(given)} is no token and no id of one`);
        const answer = await context.client.tenancy.revokeToken({ tokenId });
        context.print(RevokeTokenResponseSchema, answer, () => `revoked ${tokenId}`);
        return exitCodes.ok;
      }),
    );
}

/** Prints a page of a list, which is nearly always the whole, or the text for an empty one. */
function printPage<D extends DescMessage>(
  context: Context,
  desc: D,
  page: MessageShape<D> & { readonly nextPageToken: string },
  rows: readonly Record<string, string>[],
  none: string,
): ExitCode {
  context.print(desc, page, () => table(rows) || none);
  if (page.nextPageToken !== "") context.warn(`only the first ${PAGE_SIZE} are listed`);
  return exitCodes.ok;
}

interface CreateTokenOptions {
  readonly name: string;
  readonly scope: Scope[];
  readonly expires?: Timestamp;
}

function organizationRow({ organizationId, name, createTime }: Organization) {
  return { organization_id: organizationId, name, created: dateText(createTime) };
}

function projectRow({ projectId, name, createTime }: Project) {
  return { project_id: projectId, name, created: dateText(createTime) };
}

function tokenRow(token: Token): Record<string, string> {
  return {
    token_id: token.tokenId,
    name: token.name,
    scopes: token.scopes.map((scope) => Scope[scope]?.toLowerCase() ?? "?").join(",") || "admin",
    state: token.revokeTime === undefined ? "active" : "revoked",
    created: dateText(token.createTime),
    expires: dateText(token.expireTime),
    "last used": dateText(token.lastUseTime),
  };
}

function dateText(time: Timestamp | undefined): string {
  return time === undefined ? "never" : timestampDate(time).toISOString();
}

const PAGE_SIZE = 1000;
