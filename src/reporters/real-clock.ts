/** The clock and the timers of the process, for reporters that share it with tests that put others in their place. */

/** As they are when the reporter is loaded, before the tests. */
const REAL = [
  ...describe(globalThis, [
    "Date",
    "performance",
    "queueMicrotask",
    "setTimeout",
    "clearTimeout",
    "setInterval",
    "clearInterval",
    "setImmediate",
    "clearImmediate",
  ]),
  ...describe(process, ["hrtime", "nextTick"]),
  ...describe(Date, ["now"]),
  ...describe(performance, ["now"]),
];

/**
 * Puts the real ones in place until it is disposed of. Without them a session that is used under fake timers never
 * sends, and never gives up.
 */
export function useRealClock(): Disposable {
  const real = REAL.filter(isReplaced);
  const found = real.map(({ owner, name }) => describeOne(owner, name));
  for (const each of real) put(each);
  return {
    [Symbol.dispose]() {
      for (const each of found) put(each);
    },
  };
}

interface Described {
  readonly owner: object;
  readonly name: string;
  /** Undefined for what is inherited. */
  readonly property: PropertyDescriptor | undefined;
}

function describe(owner: object, names: readonly string[]): Described[] {
  return names.map((name) => describeOne(owner, name));
}

function describeOne(owner: object, name: string): Described {
  return { owner, name, property: Object.getOwnPropertyDescriptor(owner, name) };
}

function isReplaced({ owner, name, property }: Described): boolean {
  const now = Object.getOwnPropertyDescriptor(owner, name);
  return now?.value !== property?.value || now?.get !== property?.get;
}

function put({ owner, name, property }: Described): void {
  if (property === undefined) Reflect.deleteProperty(owner, name);
  else Reflect.defineProperty(owner, name, property);
}
