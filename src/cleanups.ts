/** Takes apart what was put together, in the opposite order. */

export interface Cleanups {
  /** Disposes the resource in its turn; answers it. */
  use<T extends AsyncDisposable>(resource: T): T;
  /** Disposes everything, the last one first. Throws the first failure, after the rest is done. */
  run(): Promise<void>;
}

/** Node 20 has no AsyncDisposableStack. */
export function createCleanups(): Cleanups {
  const resources: AsyncDisposable[] = [];
  return {
    use(resource) {
      resources.push(resource);
      return resource;
    },
    async run() {
      const failures: unknown[] = [];
      for (let last = resources.pop(); last !== undefined; last = resources.pop()) {
        try {
          await last[Symbol.asyncDispose]();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
