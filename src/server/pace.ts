/**
 * Lets calls begin a few in each turn of the event loop. HTTP/2 hands over all requests that came in one read,
 * and answers leave at the end of a turn: if all began at once, the first answer would wait for the work of the
 * last, and client and server would work by turns instead of side by side.
 */

/** Begins the work at once, or in a later turn, where connections take turns. */
export type Pace = (connection: object, work: () => void) => void;

/** A pace of so many beginnings a turn. */
export function createPace(perTurn: number): Pace {
  /** By connection, the one that had its turn longest ago first. */
  const waiting = new Map<object, (() => void)[]>();
  let begun = 0;
  let isTurning = false;

  const turn = () => {
    begun = 0;
    isTurning = false;
    for (const [connection, works] of waiting) {
      if (begun === perTurn) return;
      waiting.delete(connection);
      const work = works.shift();
      // This loop meets it again, after the others.
      if (works.length > 0) waiting.set(connection, works);
      if (work !== undefined) begin(work);
    }
  };
  const begin = (work: () => void) => {
    begun += 1;
    if (!isTurning) {
      isTurning = true;
      setImmediate(turn);
    }
    work();
  };
  return (connection, work) => {
    if (begun < perTurn && waiting.size === 0) begin(work);
    else {
      const works = waiting.get(connection);
      if (works === undefined) waiting.set(connection, [work]);
      else works.push(work);
    }
  };
}
