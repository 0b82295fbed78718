import type { LogState } from "../log/state.js";
import { foldName, type TaskId, type TenantKey, type TenantRef } from "../shared/ids.js";
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
  /** Tenants that have a name by the manifest alone: nothing was ever sent or taken over under it. */
  readonly #byManifestAlone = new Set<NameHolder>();
  /** Names that were sent, or shall be. */
  readonly #sent = new Set<string>();
  /** Names of logged copies. */
  readonly #borne = new Set<string>();

  constructor(log: LogState, manifest: readonly NamedTenant[]) {
    for (const tenant of log.tenants()) {
      const { copy, openCreates, intents } = tenant;
      for (const { name, listed } of intents) if (listed !== true) this.#sent.add(foldName(name));
      if (copy !== undefined && !copy.gone) {
        this.#add(copy.ownName, tenant);
        this.#borne.add(foldName(copy.name));
      }
      for (const { name } of openCreates) this.#add(name, tenant);
    }
    for (const tenant of manifest) {
      if (tenant.name === undefined) continue;
      if (this.#add(tenant.name, tenant)) this.#byManifestAlone.add(tenant);
      this.#sent.add(foldName(tenant.name));
    }
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

  /** Whether the log has this name for a customer of another key. */
  isLoggedOfAnother(name: string, key: TenantKey): boolean {
    return this.#of(name).some((holder) => holder.key !== key && !this.#byManifestAlone.has(holder));
  }

  /**
   * Whether a task of this name is somebody's by its name: it was sent for a tenant or shall be, or is such a name with what a server
   * adds to a taken one. A name that a logged copy bears explains no other task: a server that changes names gives many the same.
   */
  explain(name: string): boolean {
    const folded = foldName(name);
    if (this.#borne.has(folded)) return false;
    return this.#sent.has(folded) || namesWithoutAddition(folded).some((taken) => this.#sent.has(taken));
  }

  #of(name: string): readonly NameHolder[] {
    const holders = this.#holders.get(foldName(name));
    if (holders === undefined) return [];
    return "ref" in holders ? [holders] : holders;
  }

  /** Whether the holder did not have it already. */
  #add(name: string, holder: NameHolder): boolean {
    const folded = foldName(name);
    const others = this.#of(name);
    if (others.some(({ ref }) => ref === holder.ref)) return false;
    this.#holders.set(folded, others.length === 0 ? holder : [...others, holder]);
    return true;
  }
}
