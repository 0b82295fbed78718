import { OUTCOMES, type Outcome, type TenantResult } from "../shared/outcome.js";

/** How far a run is. Rates are per second; `leftMs` is `undefined` where nothing can be said yet. */
export interface Standing {
  readonly done: number;
  readonly total: number;
  readonly counts: Readonly<Record<Outcome, number>>;
  readonly rate: number | undefined;
  readonly leftMs: number | undefined;
}

const SAMPLE_EVERY_MS = 500;
const SAMPLES_KEPT = 20;
/** So many settled tenants tell how long the others will take; the first goes alone, and tells nothing. */
const TELLING = 5;

/** Counts tenants as they are settled. `now`: a monotonic clock in milliseconds. */
export class ProgressTally {
  readonly #now: () => number;
  readonly #counts: Record<Outcome, number> = { planned: 0, succeeded: 0, failed: 0, "in-doubt": 0, skipped: 0 };
  readonly #open = new Set<string>();
  #samples: { readonly at: number; readonly done: number }[] = [];
  #total: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  get started(): boolean {
    return this.#total !== undefined;
  }

  start(total: number): void {
    this.#total = total;
    this.#samples = [{ at: this.#now(), done: this.#done() }];
  }

  /** Counts a tenant; one that was in doubt and is told again counts once. */
  add(tenant: TenantResult): void {
    if (!isCarriedOut(tenant)) return;
    const identity = `${tenant.sourceTaskId} ${tenant.tenant}`;
    if (this.#open.delete(identity)) this.#counts["in-doubt"] -= 1;
    if (tenant.outcome === "in-doubt") this.#open.add(identity);
    this.#counts[tenant.outcome] += 1;
    this.#sample();
  }

  standing(): Standing {
    const done = this.#done();
    const total = Math.max(this.#total ?? 0, done);
    const first = this.#samples[0];
    const elapsed = first === undefined ? 0 : this.#now() - first.at;
    const settled = first === undefined ? 0 : done - first.done;
    const rate = elapsed > 0 && settled > 0 ? (settled * 1000) / elapsed : undefined;
    const leftMs = rate === undefined || settled < TELLING ? undefined : ((total - done) * 1000) / rate;
    return { done, total, counts: { ...this.#counts }, rate, leftMs };
  }

  #done(): number {
    return OUTCOMES.reduce((sum, outcome) => sum + (outcome === "planned" ? 0 : this.#counts[outcome]), 0);
  }

  #sample(): void {
    const at = this.#now();
    const last = this.#samples.at(-1);
    if (last === undefined || at - last.at < SAMPLE_EVERY_MS) return;
    this.#samples.push({ at, done: this.#done() });
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
  }
}

function isCarriedOut({ action }: TenantResult): boolean {
  return action === "create" || action === "update" || action === "adopt" || action === "settle";
}
