/**
 * The reporter of node:test, beside one for people:
 * `node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=tally/node-test
 * --test-reporter-destination=stderr`. It writes nothing to its destination. Node passes reporters no options: they
 * come from `TALLY_*`.
 *
 * Node hands on the events of one file after the other: of files that run at the same time, the first alone is live.
 * With `--test-force-exit` Node 20 does not wait for reporters, and what is not delivered yet is lost; 22 and 24 wait.
 */
import { Transform, type TransformCallback } from "node:stream";
import type { TestEvent } from "node:test/reporters";
import { createNodeTestResults } from "./node-test-results.js";
import { startReporting } from "./reporting.js";

export default class NodeTestReporter extends Transform {
  readonly #results = createNodeTestResults(process.cwd());
  readonly #reporting = startReporting({
    producer: "tally-node-test",
    options: {},
    shard: shardOf(process.execArgv),
  });

  constructor() {
    super({ writableObjectMode: true });
  }

  override _transform(event: TestEvent, _encoding: string, done: TransformCallback): void {
    try {
      const result = this.#results.take(event);
      if (result !== undefined) this.#reporting.add(result);
    } catch {
      // This result is missing, and the build goes on.
    }
    done();
  }

  /** After the last event. Node waits for it. */
  override _flush(done: TransformCallback): void {
    void this.#reporting.end().then(() => done());
  }
}

/** Node's `--test-shard`, which it gives to reporters as nothing else. */
function shardOf(args: readonly string[]) {
  const [, index, total] = /--test-shard[= ](\d+)\/(\d+)/.exec(args.join(" ")) ?? [];
  return index === undefined ? undefined : { index: Number(index), total: Number(total) };
}
