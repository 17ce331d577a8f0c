import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { createFailureLimits } from "../../src/auth/failure-limits.js";

function setUp() {
  const clock = { ms: 1_000_000 };
  return { clock, limits: createFailureLimits(() => clock.ms) };
}

it("lets four failed hashes a second pass on the whole server", () => {
  const { clock, limits } = setUp();
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < 4; i++) {
      limits.takeHash();
    }
    expect(refused(() => limits.takeHash())).toBe(true);
    clock.ms += 249;
    expect(refused(() => limits.takeHash())).toBe(true);
    clock.ms += 751;
  }
});

it("gives back the hash of a right secret, and no more than that", () => {
  const { limits } = setUp();
  for (let i = 0; i < 20; i++) {
    limits.takeHash();
    limits.returnHash();
  }
  for (let i = 0; i < 4; i++) limits.takeHash();
  expect(refused(() => limits.takeHash())).toBe(true);
});

it("counts a wrong secret for its address and id alone", () => {
  const { limits } = setUp();
  for (let i = 0; i < 10; i++) {
    limits.checkPair("10.0.0.1", "a");
    limits.failed("10.0.0.1", "a");
  }
  expect(refused(() => limits.checkPair("10.0.0.1", "a"))).toBe(true);
  limits.checkPair("10.0.0.2", "a");
  limits.checkPair("10.0.0.1", "b");
  limits.takeHash();
});

it("forgets a pair's failures after a minute", () => {
  const { clock, limits } = setUp();
  for (let i = 0; i < 10; i++) limits.failed("10.0.0.1", "a");
  clock.ms += 59_999;
  expect(refused(() => limits.checkPair("10.0.0.1", "a"))).toBe(true);
  clock.ms += 1;
  limits.checkPair("10.0.0.1", "a");
  limits.failed("10.0.0.1", "a");
  limits.checkPair("10.0.0.1", "a");
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
