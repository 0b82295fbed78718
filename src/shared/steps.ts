/** Long work in steps: it yields where the event loop may have its turn, so that a signal is heard. `inSteps` carries it out. */
export type Steps<T> = Generator<undefined, T, void>;

/** Carries short work out without a pause. */
export function atOnce<T>(work: Steps<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** So many items of a manifest are done in a few milliseconds. */
const ITEMS_OF_STEP = 500;

/** `Array.map` in steps. */
export function* mapInSteps<Item, Made>(items: readonly Item[], make: (item: Item) => Made): Steps<Made[]> {
  const made: Made[] = [];
  for (const item of items) {
    made.push(make(item));
    if (made.length % ITEMS_OF_STEP === 0) yield;
  }
  return made;
}
