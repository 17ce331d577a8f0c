/** What knows its place among others of its kind. */
export interface Placed {
  /** Written by UnderWay alone. */
  place: number;
}

/**
 * What is under way, in no order. A Set would keep what has left it: when its table is full V8 makes it anew, and an
 * old table holds what was in it and the next one, from one that has grown old until old objects are collected.
 */
export class UnderWay<T extends Placed> {
  readonly #all: T[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(one: T): void {
    one.place = this.#all.length;
    this.#all.push(one);
  }

  /** The last one takes the place of this one, which must be here. */
  delete(one: T): void {
    const last = this.#all.pop();
    if (last === undefined || last === one) return;
    last.place = one.place;
    this.#all[one.place] = last;
  }

  /** All that is here now; who goes through them may delete. */
  list(): readonly T[] {
    return [...this.#all];
  }
}
