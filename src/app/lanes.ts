import type { SyncOptions } from "./sync-options.js";

/** How work is let in: which items may hold each other up, and how many of one lane are at work at once. */
export interface Lanes<Item> {
  /** Items of one lane wait for each other; those of other lanes never do. */
  readonly laneOf: (item: Item) => string;
  readonly atOnce: number;
  /** Must never reject. */
  readonly work: (item: Item) => Promise<void>;
}

/** More than writes in flight: one's outcome is flushed while another's request is under way. */
export function tenantsAtOnce({ options }: { readonly options: SyncOptions }): number {
  return options.run.concurrency * 2;
}

/**
 * Works through all items, each lane's in their order. No more than `atOnce` of a lane are begun at a time: a promise for each of
 * 100,000 tenants would hold more memory than all that is known of them.
 */
export async function workThrough<Item>(items: readonly Item[], lanes: Lanes<Item>): Promise<void> {
  const byLane = new Map<string, Item[]>();
  for (const item of items) {
    const name = lanes.laneOf(item);
    const lane = byLane.get(name);
    if (lane === undefined) byLane.set(name, [item]);
    else lane.push(item);
  }
  await Promise.all([...byLane.values()].flatMap((lane) => workers(lane, lanes)));
}

function workers<Item>(lane: readonly Item[], { atOnce, work }: Lanes<Item>): readonly Promise<void>[] {
  const left = lane.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  return Array.from({ length: Math.min(atOnce, lane.length) }, worker);
}
