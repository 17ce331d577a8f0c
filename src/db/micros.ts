/** Times travel as microseconds since the epoch: the driver's Date would lose all below a millisecond. */

/** SQL that turns an expression of microseconds into a timestamptz; exact from 1684 to 2255. */
export function timeOf(micros: string): string {
  return `timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond'`;
}

/** SQL that turns a timestamptz into microseconds; the driver reads them as decimal text. */
export function microsOf(time: string): string {
  return `(EXTRACT(epoch FROM ${time}) * 1000000)::bigint`;
}

/** Microseconds as the driver reads them; they are exact in a double. */
export function readMicros(value: string | null): number | null {
  return value === null ? null : Number(value);
}
