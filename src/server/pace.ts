/**
 * Lets calls begin a few in each turn of the event loop. HTTP/2 hands over all requests that came in one read,
 * and answers leave at the end of a turn: if all began at once, the first answer would wait for the work of the
 * last, and client and server would work by turns instead of side by side.
 */

/** Begins the work at once, or in a later turn, where connections take turns. */
export type Pace = (connection: object, work: () => void) => void;

type Works = (() => void)[];

/** A pace of so many beginnings a turn. */
export function createPace(perTurn: number): Pace {
  /** Each connection has its own once and for all: a Map that they came and went in would keep them, see UnderWay. */
  const worksOf = new WeakMap<object, Works>();
  /** Those that are not empty, the one that had its turn longest ago first. */
  const waiting: Works[] = [];
  let begun = 0;
  let isTurning = false;

  const turn = () => {
    begun = 0;
    isTurning = false;
    while (begun < perTurn) {
      const works = waiting.shift();
      if (works === undefined) return;
      const work = works.shift();
      if (works.length > 0) waiting.push(works);
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
    if (begun < perTurn && waiting.length === 0) return begin(work);
    let works = worksOf.get(connection);
    if (works === undefined) {
      works = [];
      worksOf.set(connection, works);
    }
    if (works.length === 0) waiting.push(works);
    works.push(work);
  };
}
