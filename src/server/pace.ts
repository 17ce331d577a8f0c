/**
 * Lets calls begin a few in each turn of the event loop. HTTP/2 hands over all requests that came in one read,
 * and answers leave at the end of a turn: if all began at once, the first answer would wait for the work of the
 * last, and client and server would work by turns instead of side by side.
 */

/** Begins the work at once, or in a later turn; first come, first served. */
export type Pace = (work: () => void) => void;

/** A pace of so many beginnings a turn. */
export function createPace(perTurn: number): Pace {
  const waiting: (() => void)[] = [];
  let begun = 0;
  let isTurning = false;

  const turn = () => {
    begun = 0;
    isTurning = false;
    for (const work of waiting.splice(0, perTurn)) begin(work);
  };
  const begin = (work: () => void) => {
    begun += 1;
    if (!isTurning) {
      isTurning = true;
      setImmediate(turn);
    }
    work();
  };
  return (work) => {
    if (begun < perTurn) begin(work);
    else waiting.push(work);
  };
}
