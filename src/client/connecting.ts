/**
 * The connections that a channel of grpc-js is making, so that they can be given up. Closing the channel leaves them
 * alone: an attempt that is never answered holds the process for two minutes, and one in its TLS handshake for ever.
 * `unref` does not help, since a socket that connects holds the process all the same.
 *
 * grpc-js hands the address of a subchannel to `net.connect` as it is, and there a `signal` beside host and port ends a
 * socket. Addresses get theirs by a load balancing policy: `pick_first`, but for that.
 */
import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";

export interface Connecting {
  /** Of the channel. It shares its connections with no other one. */
  readonly channelOptions: ChannelOptions;
  /** Gives up the connections that are being made, and those that would be. What is connected stays. */
  giveUp(): void;
}

/** For one channel. */
export function watchConnecting(): Connecting {
  const attempts = new Set<AbortController>();
  let isOver = false;
  const createSubchannel: CreateSubchannel = (create, address, options) => {
    let attempt: AbortController | undefined;
    const watched = {
      ...address,
      /** Asked for once an attempt. */
      get signal() {
        if (isOver) return AbortSignal.abort();
        attempt ??= new AbortController();
        attempts.add(attempt);
        return attempt.signal;
      },
    };
    const subchannel = create(watched, options);
    subchannel.addConnectivityStateListener((_, __, state) => {
      // IDLE tells nothing: it is also the state of those that the channel has no use for any more.
      if (attempt === undefined || !SETTLED.has(state)) return;
      attempts.delete(attempt);
      attempt = undefined;
    });
    return subchannel;
  };
  if (!experimental.isLoadBalancerNameRegistered(POLICY)) {
    experimental.registerLoadBalancerType(POLICY, WatchedPickFirst, WatchedPickFirstConfig);
  }
  return {
    channelOptions: {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ [POLICY]: {} }] }),
      "grpc.use_local_subchannel_pool": 1,
      [CREATE_SUBCHANNEL]: createSubchannel,
    },
    giveUp() {
      isOver = true;
      for (const attempt of attempts) attempt.abort();
      attempts.clear();
    },
  };
}

type Helper = ConstructorParameters<typeof experimental.ChildLoadBalancerHandler>[0];
type Create = Helper["createSubchannel"];
type CreateSubchannel = (create: Create, ...args: Parameters<Create>) => ReturnType<Create>;

class WatchedPickFirst extends experimental.ChildLoadBalancerHandler {
  constructor(helper: Helper) {
    const create: Create = (...args) => helper.createSubchannel(...args);
    super(
      experimental.createChildChannelControlHelper(helper, {
        createSubchannel: (address, options) =>
          (options[CREATE_SUBCHANNEL] as CreateSubchannel)(create, address, options),
      }),
    );
  }

  override updateAddressList(
    ...[endpoints, , options, note]: Parameters<
      experimental.ChildLoadBalancerHandler["updateAddressList"]
    >
  ): boolean {
    const pickFirst = experimental.parseLoadBalancingConfig({ pick_first: {} });
    return super.updateAddressList(endpoints, pickFirst, options, note);
  }

  override getTypeName(): string {
    return POLICY;
  }
}

class WatchedPickFirstConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson() {
    return new WatchedPickFirstConfig();
  }

  getLoadBalancerName() {
    return POLICY;
  }

  toJsonObject() {
    return { [POLICY]: {} };
  }
}

const POLICY = "tally_pick_first";
/** An option that subchannels are not compared by. */
const CREATE_SUBCHANNEL = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.tally_create_subchannel`;
const SETTLED: ReadonlySet<number> = new Set([
  connectivityState.READY,
  connectivityState.TRANSIENT_FAILURE,
]);
