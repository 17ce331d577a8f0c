/** A running server: the listeners, what serves their connections, and the way to stop them. */
import type { Server as HttpServer } from "node:http";
import type { Server, Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import type { Authenticator } from "../auth/authenticator.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { Route } from "../rpc/handler.js";
import { createClientAddress } from "./address.js";
import { limitConnections } from "./connection-limit.js";
import type { Door } from "./door.js";
import { drainServer } from "./drain.js";
import { createGrpcServer, createInjector } from "./grpc.js";
import { addHealth } from "./health.js";
import { createHttpServer, createMetricsServer } from "./http.js";
import { type Address, createPort, listen } from "./port.js";
import { type ReadinessCheck, startReadiness } from "./readiness.js";
import { addReflection } from "./reflection.js";
import { createRoom } from "./room.js";
import { bindMethods } from "./target.js";
import { defaultTimeouts, type Timeouts } from "./timeouts.js";
import { readCertificate, type TlsFiles, watchCertificate } from "./tls.js";
import type { WebFiles } from "./web-files.js";

export interface ServerOptions {
  readonly listen: Address;
  /** An address that speaks HTTP/2 alone. */
  readonly grpcListen?: Address;
  /** Where /metrics is, if not on the main address. */
  readonly metricsListen?: Address;
  /** Renewed files are used for new connections. */
  readonly tls?: TlsFiles;
  /** Origins whose pages may call; empty means none. */
  readonly corsOrigins: readonly string[];
  /** Addresses or CIDR blocks whose `x-forwarded-for` is believed. */
  readonly trustedProxies: readonly string[];
  readonly reflection: boolean;
  readonly version: string;
  readonly routes: readonly Route[];
  readonly doors: readonly Door[];
  /** Of the dashboard; none where it was not built. */
  readonly webFiles: WebFiles;
  readonly authenticator: Authenticator;
  /** Of the main address, and of the one for gRPC, each. */
  readonly maxConnections: number;
  /** For each project and each admin token on this server; 0 is unlimited. A project's own rate replaces it. */
  readonly callsPerSecond: number;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly readiness: readonly ReadinessCheck[];
  readonly now: () => number;
  readonly newRequestId: () => string;
  /** Runs once every address is bound. Connections wait for it; where it throws, the start fails. */
  readonly beforeServing?: () => Promise<void>;
  readonly timeouts?: Partial<Timeouts>;
}

export interface RunningServer extends AsyncDisposable {
  /** As bound: the port is a real one where 0 was asked for. */
  readonly address: Address;
  readonly grpcAddress: Address | undefined;
  readonly metricsAddress: Address | undefined;
  readonly url: string;
  /**
   * Stops: no new connection and no new call, streams end after what they have read is acknowledged, unary
   * calls finish. Resolves when no call is left or the time for it is over, with everything closed.
   */
  drain(): Promise<void>;
}

/** Resolves when every address is bound; throws, with nothing left open, when one is not. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const clientAddress = createClientAddress(options.trustedProxies);
  const room = createRoom({ ...options, timeouts, clientAddress });
  const methods = bindMethods(options.routes);
  const services = options.routes.map((route) => route.service);

  const grpc = createGrpcServer(room, methods);
  const setServing = addHealth(
    grpc,
    services.map((service) => service.typeName),
  );
  if (options.reflection) addReflection(grpc, services);
  const injector = createInjector(grpc);
  const readiness = startReadiness(options.readiness, timeouts, setServing);
  const http = createHttpServer(room, {
    ...options,
    methods,
    readiness,
    metrics: options.metricsListen === undefined,
  });
  // An http.Server that does not listen keeps no times until it hears this.
  http.emit("listening");

  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  let serve = () => {};
  const serving = new Promise<void>((resolve) => {
    serve = resolve;
  });
  const onceServing = (take: (socket: Socket) => void) => (socket: Socket) =>
    void serving.then(() => {
      if (!socket.destroyed) take(socket);
    });
  const http1 = onceServing((socket) => {
    http.emit("connection", socket);
    socket.resume();
  });
  const http2 = onceServing((socket) => injector.injectConnection(socket));
  const certificate = options.tls === undefined ? undefined : await readCertificate(options.tls);
  const port = createPort({ http1, http2 }, timeouts.headersTimeoutMs, certificate);
  const grpcPort = createPort({ http1: refuse, http2 }, timeouts.headersTimeoutMs, certificate);
  const metricsServer = createMetricsServer(room);
  const listeners: Server[] = [port, grpcPort, metricsServer];
  for (const server of listeners) server.on("connection", track);
  limitConnections([port, grpcPort], options.maxConnections, room);
  const stopWatching =
    options.tls === undefined || certificate === undefined
      ? undefined
      : watchCertificate(
          options.tls,
          certificate,
          timeouts.certificatePollMs,
          options.log,
          (next) => {
            for (const server of [port, grpcPort]) (server as TlsServer).setSecureContext(next);
          },
        );

  let draining: Promise<void> | undefined;
  const drain = () => {
    draining ??= drainServer({ room, readiness, listeners, http, injector, sockets }).finally(
      () => {
        stopWatching?.();
        grpc.forceShutdown();
      },
    );
    return draining;
  };
  try {
    const address = await listen(port, options.listen, "TALLY_PORT or TALLY_LISTEN");
    const grpcAddress = await listenIf(grpcPort, options.grpcListen, "TALLY_GRPC_LISTEN");
    const metricsAddress = await listenIf(
      metricsServer,
      options.metricsListen,
      "TALLY_METRICS_LISTEN",
    );
    await options.beforeServing?.();
    serve();
    const scheme = options.tls === undefined ? "http" : "https";
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    return {
      address,
      grpcAddress,
      metricsAddress,
      url: `${scheme}://${host}:${address.port}`,
      drain,
      [Symbol.asyncDispose]: drain,
    };
  } catch (error) {
    await drain();
    throw error;
  }
}

function listenIf(server: Server | HttpServer, address: Address | undefined, setting: string) {
  return address === undefined ? undefined : listen(server, address, setting);
}

/** HTTP/1.1 on the HTTP/2 address. */
function refuse(socket: Socket): void {
  socket.destroy();
}
