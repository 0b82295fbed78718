import type { TaskId, TenantRef } from "../shared/ids.js";
import type { TenantState } from "./tenant-state.js";

/** Which tenants hold (or held, where it is gone) each task, those that came to it first in front. */
export class TaskHolders {
  /** A set where a task is held by several: hardly ever, and a set for each would take more memory than all else of a tenant. */
  readonly #holders = new Map<TaskId, TenantRef | ReadonlySet<TenantRef>>();
  /** How many tenants of a source task hold a copy; none is left out. */
  readonly #copiesUnder = new Map<TaskId, number>();

  /** Whether any task is held. */
  get any(): boolean {
    return this.#copiesUnder.size > 0;
  }

  /** Whether any tenant of this source task holds a copy. */
  anyUnder(sourceTaskId: TaskId): boolean {
    return this.#copiesUnder.has(sourceTaskId);
  }

  of(id: TaskId): readonly TenantRef[] {
    const holders = this.#holders.get(id);
    if (holders === undefined) return [];
    return typeof holders === "string" ? [holders] : [...holders];
  }

  has(id: TaskId): boolean {
    return this.#holders.has(id);
  }

  /** Takes in what a tenant holds now, and held before. */
  change(before: TenantState, after: TenantState): void {
    const held = before.copy?.newTaskId;
    const holds = after.copy?.newTaskId;
    if (held === holds) return;
    if (held !== undefined) this.#remove(held, before);
    if (holds !== undefined) this.#add(holds, after);
  }

  forget(tenant: TenantState): void {
    if (tenant.copy !== undefined) this.#remove(tenant.copy.newTaskId, tenant);
  }

  #add(id: TaskId, { ref, sourceTaskId }: TenantState): void {
    this.#count(sourceTaskId, 1);
    const others = this.#holders.get(id);
    if (others === undefined) this.#holders.set(id, ref);
    else this.#holders.set(id, new Set([...this.of(id), ref]));
  }

  #remove(id: TaskId, { ref, sourceTaskId }: TenantState): void {
    this.#count(sourceTaskId, -1);
    const [other, ...others] = this.of(id).filter((holder) => holder !== ref);
    if (other === undefined) this.#holders.delete(id);
    else this.#holders.set(id, others.length === 0 ? other : new Set([other, ...others]));
  }

  #count(sourceTaskId: TaskId, change: 1 | -1): void {
    const copies = (this.#copiesUnder.get(sourceTaskId) ?? 0) + change;
    if (copies === 0) this.#copiesUnder.delete(sourceTaskId);
    else this.#copiesUnder.set(sourceTaskId, copies);
  }
}
