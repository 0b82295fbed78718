import type { SyncOptions } from "./sync-options.js";

/** How items are worked on: those of one key wait for each other, those of other keys never do. */
export interface KeyedPool<Item> {
  readonly keyOf: (item: Item) => string;
  /** How many of one key are at work at once. */
  readonly atOnce: number;
  /** Must never reject. */
  readonly work: (item: Item) => Promise<void>;
}

/** More than writes in flight: one's outcome is flushed while another's request is under way. */
export function tenantsAtOnce({ options }: { readonly options: SyncOptions }): number {
  return options.run.concurrency * 2;
}

/**
 * Works on all items, those of each key in their order. No more than `atOnce` of a key are begun at a time: a promise for each of
 * 100,000 tenants would hold more memory than all that is known of them.
 */
export async function runPooled<Item>(items: readonly Item[], pool: KeyedPool<Item>): Promise<void> {
  const byKey = new Map<string, Item[]>();
  for (const item of items) {
    const key = pool.keyOf(item);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [item]);
    else known.push(item);
  }
  await Promise.all([...byKey.values()].flatMap((known) => workers(known, pool)));
}

function workers<Item>(items: readonly Item[], { atOnce, work }: KeyedPool<Item>): readonly Promise<void>[] {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  return Array.from({ length: Math.min(atOnce, items.length) }, worker);
}
