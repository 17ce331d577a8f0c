import { useMutation } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { type Project, Scope } from "../../../../gen/tally/v1/tenancy_pb.js";
import { TenancyService } from "../../../../gen/tally/v1/tenancy_service_pb.js";
import { displayText } from "../../format/display-text.js";
import { paths } from "../../routes.js";
import { useRefresh } from "../../session/use-refresh.js";
import { NewSecret } from "../../tenancy/new-secret.js";
import { Button } from "../../ui/button.js";
import { Callout } from "../../ui/callout.js";
import { errorText } from "../../ui/error-text.js";

/** What to do with a project that was made just now: a token for its builds, and the first command. */
export function FirstSteps({ project, onDone }: { readonly project: Project; onDone(): void }) {
  const refresh = useRefresh();
  const create = useMutation(TenancyService.method.createToken, {
    onSuccess: () => refresh(TenancyService),
  });
  const { projectId } = project;
  if (create.data?.token !== undefined) {
    return <NewSecret token={create.data.token} secret={create.data.secret} onDone={onDone} />;
  }
  return (
    <section className="card stack" aria-label="First steps">
      <p>
        <strong>
          The project <bdi>{displayText(project.name, 200)}</bdi> is there.
        </strong>{" "}
        Builds need a token to send their results to it.
      </p>
      {create.error && <Callout tone="failed">{errorText(create.error)}</Callout>}
      <div className="row">
        <Button
          kind="primary"
          isBusy={create.isPending}
          onClick={() =>
            create.mutate({ projectId, name: "builds", scopes: [Scope.INGEST, Scope.READ] })
          }
        >
          Create a token for builds
        </Button>
        <Link href={paths.overview(projectId)}>Go to the project</Link>
        <Button kind="quiet" onClick={onDone}>
          Not now
        </Button>
      </div>
    </section>
  );
}
