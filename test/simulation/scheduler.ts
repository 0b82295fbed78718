import type { Random } from "./random.js";

/** Who dies with a step's owner: a client process's steps go with it, the server's and the network's stay. */
export interface Owner {
  readonly name: string;
}

interface Step {
  readonly at: number;
  /** Steps of the same moment go in an order that the seed chooses. */
  readonly order: number;
  readonly owner: Owner;
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * All that is pending in the simulated world, in the order of its own clock. Nothing here waits for real time: between two
 * steps only microtasks run.
 */
export class Scheduler {
  now = 0;
  #steps: Step[] = [];
  readonly #frozen = new Set<Owner>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Plans a step in `delay` milliseconds; the result takes it back. */
  after(delay: number, owner: Owner, run: () => void): () => void {
    const step: Step = { at: this.now + delay, order: this.#random.fraction(), owner, run, cancelled: false };
    this.#steps.push(step);
    return () => {
      step.cancelled = true;
    };
  }

  /** Does the next step; false where nothing is pending before `until`. */
  step(until = Number.POSITIVE_INFINITY): boolean {
    const steps = this.#steps;
    let next = -1;
    for (let index = 0; index < steps.length; index += 1) {
      const step = steps[index] as Step;
      if (step.cancelled || this.#frozen.has(step.owner)) continue;
      const best = next < 0 ? undefined : steps[next];
      if (best === undefined || step.at < best.at || (step.at === best.at && step.order < best.order)) next = index;
    }
    const step = next < 0 ? undefined : steps[next];
    if (step === undefined || step.at > until) return false;
    this.#steps = steps.filter((other) => other !== step && !other.cancelled);
    // What was due while its owner was frozen comes late.
    this.now = Math.max(this.now, step.at);
    step.run();
    return true;
  }

  /** Lets the world go on without any client for some time. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.step(until));
    this.now = until;
  }

  /** Stops an owner where it is (a paused container, a disk that hangs): the world goes on without it. */
  freeze(owner: Owner): void {
    this.#frozen.add(owner);
  }

  thaw(owner: Owner): void {
    this.#frozen.delete(owner);
  }

  /** A process dies: nothing that it waits for comes any more. */
  drop(owner: Owner): void {
    this.#steps = this.#steps.filter((step) => step.owner !== owner);
  }
}

/** Lets every promise that can go on go on. */
export function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
