import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { createFailureLimits, type FailureLimits } from "../../src/auth/failure-limits.js";

const HERE = "10.0.0.1";

function setUp() {
  const clock = { ms: 1_000_000 };
  return { clock, limits: createFailureLimits(() => clock.ms) };
}

it("lets four failed hashes a second pass on the whole server", () => {
  const { clock, limits } = setUp();
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < 4; i++) {
      limits.takeHash(HERE);
    }
    expect(refused(() => limits.takeHash(HERE))).toBe(true);
    clock.ms += 249;
    expect(refused(() => limits.takeHash(HERE))).toBe(true);
    clock.ms += 751;
  }
});

it("gives back the hash of a right secret, and no more than that", () => {
  const { limits } = setUp();
  for (let i = 0; i < 20; i++) {
    limits.takeHash(HERE);
    limits.returnHash();
  }
  for (let i = 0; i < 4; i++) limits.takeHash(HERE);
  expect(refused(() => limits.takeHash(HERE))).toBe(true);
});

it.each<[string, (limits: FailureLimits) => void]>([
  ["a wrong secret", (limits) => limits.failed(HERE, "a", 0)],
  ["no token at all", (limits) => limits.suspect(HERE)],
])("keeps two hashes from an address that has sent %s", (_, send) => {
  const { clock, limits } = setUp();
  send(limits);
  for (let i = 0; i < 2; i++) limits.takeHash(HERE);
  expect(refused(() => limits.takeHash(HERE))).toBe(true);
  for (let i = 0; i < 2; i++) limits.takeHash("10.0.0.2");
  expect(refused(() => limits.takeHash("10.0.0.2"))).toBe(true);
  clock.ms += 60_000;
  for (let i = 0; i < 4; i++) limits.takeHash(HERE);
});

it.each([
  [75, 4],
  [300, 1],
  [1_200, 0.25],
  [60_000, 0.25],
])("after a wrong hash of %i ms lets %d a second pass", (hashMs, perSecond) => {
  const { clock, limits } = setUp();
  for (let i = 0; i < 4; i++) limits.takeHash(HERE);
  limits.failed("10.0.0.2", "a", hashMs);
  clock.ms += 1000 / perSecond - 1;
  expect(refused(() => limits.takeHash(HERE))).toBe(true);
  clock.ms += 1;
  limits.takeHash(HERE);
});

it("counts a wrong secret for its address and id alone", () => {
  const { limits } = setUp();
  for (let i = 0; i < 10; i++) {
    limits.checkPair(HERE, "a");
    limits.failed(HERE, "a", 0);
  }
  expect(refused(() => limits.checkPair(HERE, "a"))).toBe(true);
  limits.checkPair("10.0.0.2", "a");
  limits.checkPair(HERE, "b");
  limits.takeHash(HERE);
});

it("forgets a pair's failures after a minute", () => {
  const { clock, limits } = setUp();
  for (let i = 0; i < 10; i++) limits.failed(HERE, "a", 0);
  clock.ms += 59_999;
  expect(refused(() => limits.checkPair(HERE, "a"))).toBe(true);
  clock.ms += 1;
  limits.checkPair(HERE, "a");
  limits.failed(HERE, "a", 0);
  limits.checkPair(HERE, "a");
});

function refused(call: () => void): boolean {
  try {
    call();
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    return true;
  }
}
