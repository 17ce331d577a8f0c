/** What a call can reach: a method of a service, or a raw door. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { Access } from "../rpc/access.js";
import type { Handler, Route } from "../rpc/handler.js";

/** The names under which logs and metrics know it, and who may call it. */
export interface Target {
  readonly service: string;
  readonly method: string;
  readonly access: Access;
  /** Streams count against the token's share and have no total limit of time. */
  readonly streams: boolean;
}

/** A method with its handler. */
export interface BoundMethod extends Target {
  readonly desc: DescMethod;
  /** As gRPC and Connect address it: `/tally.v1.IngestService/IngestRun`. */
  readonly path: string;
  readonly handler: Handler<DescMethod>;
}

/** Every method of the routes, with the handler that answers it. */
export function bindMethods(routes: readonly Route[]): BoundMethod[] {
  return routes.flatMap(({ service, handlers, access }) =>
    service.methods.map((desc) => {
      const handler = handlers[desc.localName];
      const reach = access[desc.localName];
      if (handler === undefined || reach === undefined) {
        throw new Error(`${service.typeName}.${desc.name} has no handler or no access rule`);
      }
      return {
        service: service.typeName,
        method: desc.name,
        access: reach,
        streams: desc.methodKind !== "unary",
        desc,
        path: `/${service.typeName}/${desc.name}`,
        handler,
      };
    }),
  );
}
