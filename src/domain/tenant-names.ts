import { foldName, type TaskId, type TenantKey, type TenantRef } from "./ids.js";
import type { LogState } from "./log-state.js";
import { namesWithoutAddition } from "./numbered-name.js";

/** A tenant that has a name: of the log, or of the manifest. */
export interface NameHolder {
  readonly ref: TenantRef;
  readonly sourceTaskId: TaskId;
  readonly key: TenantKey;
  readonly tenant: string;
}

/** A tenant of the manifest, with the name that its copy shall have; `undefined`: nobody knows it yet. */
export interface NamedTenant extends NameHolder {
  readonly name: string | undefined;
}

/**
 * Whose names they are: that of each logged copy, those of open creates, and those that the manifest gives. Made for one plan, and
 * anew after the log has changed.
 */
export class TenantNames {
  /** Nearly every name is one tenant's: an array for each of 100,000 would cost more than the map. */
  readonly #holders = new Map<string, NameHolder | readonly NameHolder[]>();

  constructor(log: LogState, manifest: readonly NamedTenant[]) {
    for (const tenant of log.tenants()) {
      const { copy, openCreates } = tenant;
      if (copy !== undefined && !copy.gone) this.#add(copy.name, tenant);
      for (const { name } of openCreates) this.#add(name, tenant);
    }
    for (const tenant of manifest) if (tenant.name !== undefined) this.#add(tenant.name, tenant);
  }

  /** A tenant that has this name, where `ref` has it not. */
  ofAnother(name: string, ref: TenantRef): NameHolder | undefined {
    const holders = this.#of(name);
    return holders.some((holder) => holder.ref === ref) ? undefined : holders[0];
  }

  /** Whether a tenant other than `ref` has this name. */
  isOfAnother(name: string, ref: TenantRef): boolean {
    return this.#of(name).some((holder) => holder.ref !== ref);
  }

  /** Whether a task of this name is somebody's by its name: a tenant has it, or it is such a name with what a server adds to a taken one. */
  explain(name: string): boolean {
    const folded = foldName(name);
    return this.#holders.has(folded) || namesWithoutAddition(folded).some((taken) => this.#holders.has(taken));
  }

  #of(name: string): readonly NameHolder[] {
    const holders = this.#holders.get(foldName(name));
    if (holders === undefined) return [];
    return "ref" in holders ? [holders] : holders;
  }

  #add(name: string, holder: NameHolder): void {
    const folded = foldName(name);
    const others = this.#of(name);
    if (others.some(({ ref }) => ref === holder.ref)) return;
    this.#holders.set(folded, others.length === 0 ? holder : [...others, holder]);
  }
}
