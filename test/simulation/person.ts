import type { LogEntry } from "../../src/log/records.js";
import type { LogState } from "../../src/log/state.js";
import type { TenantState } from "../../src/log/tenant-state.js";
import { foldName, foldTenantKey, type TaskId, type TenantRef, tenantRef } from "../../src/shared/ids.js";
import type { PersonAct } from "./history.js";
import { appId, MASTER, reportId } from "./identifiers.js";
import type { LogModel } from "./log-model.js";
import type { ServerModel, TrueTask } from "./server-model.js";

export interface Surroundings {
  readonly server: ServerModel;
  readonly log: LogModel;
  readonly state: LogState;
  /** In the order of the history's numbers; one that is moved to a new ID is replaced. */
  readonly sources: TrueTask[];
  readonly run: string;
  readonly note: (text: string) => void;
  /** The name that a manifest of today would give this tenant's copy. */
  readonly nameOf: (tenant: string) => string | undefined;
  /** The source task under which a manifest of today names this tenant. */
  readonly sourceOf: (tenant: string) => TrueTask | undefined;
  /** The key that a manifest of today may mean by a customer whom it names no more. */
  readonly heirOf: (tenant: string, source: TaskId) => string | undefined;
}

/** Does what an administrator does between two runs: at the server, or by `resolve` in the log. */
export function act(act: PersonAct, around: Surroundings) {
  const { server, sources, log, note } = around;
  switch (act.kind) {
    case "rename-source": {
      const source = sources[act.source];
      if (source !== undefined) source.name = `${source.name}!`;
      return note(`a person renames source task ${act.source}`);
    }
    case "add-report": {
      const source = sources[act.source];
      if (source !== undefined) server.addReport(source, reportId(90 + source.reports.length + act.source * 10));
      return note(`a person adds a report to source task ${act.source}`);
    }
    case "lose-log":
      log.lose();
      return note("the log is lost");
    case "migrate":
      return migrate(act.sources, around);
    case "make-foreign":
      return makeForeign(act, around);
    case "resolve-retry":
      return retry(act.tenant, around);
    default:
      for (const state of [...around.state.tenants()])
        if (state.key === foldTenantKey(act.tenant)) actOnTenant(act, state, around);
  }
}

/** Also for a tenant that the log does not know: its name may be taken. */
function retry(tenant: string, around: Surroundings): void {
  const key = foldTenantKey(tenant);
  const known = [...around.state.tenants()].find((state) => state.key === key);
  const sourceTaskId = known?.sourceTaskId ?? around.sourceOf(tenant)?.id;
  if (sourceTaskId === undefined) return;
  excuse(around.server, tenantRef(sourceTaskId, key));
  write(around, [{ type: "retry", sourceTaskId, key, tenant }]);
  around.note(`resolve ${tenant} --retry`);
}

function makeForeign(act: Extract<PersonAct, { kind: "make-foreign" }>, around: Surroundings): void {
  const name = around.nameOf(act.tenant);
  const [source] = around.sources;
  if (name === undefined || source === undefined) return;
  const reports = act.sameReports ? source.reports.map((report) => report.reportId) : [reportId(77)];
  around.server.add("foreign", name, reports);
  around.note(`a person makes a task "${name}" with ${act.sameReports ? "the same" : "other"} reports`);
}

/** The vendor's tool moves the server: what a person knew by its ID is now known by its name. */
function migrate(withSources: boolean, { server, sources, note }: Surroundings): void {
  const moved = server.migrate(withSources);
  for (const [index, source] of sources.entries()) sources[index] = moved.get(source) ?? source;
  // Under its new ID a source task is another one to the log: that its copies exist, only their names can show.
  // Nor does anything tell whose a copy is that had been renamed before.
  const isRenamed = ({ body, tasks }: (typeof server.sent)[number]): boolean =>
    "name" in body && tasks.some((task) => foldName(task.name) !== foldName(body.name));
  for (const sent of server.sent) sent.excused ||= withSources || isRenamed(sent);
  note(`the server is moved: ${moved.size} tasks have new IDs${withSources ? ", the source tasks too" : ""}`);
}

/** The copy gets a name of nobody, or that of another tenant's copy. */
function renameCopy(
  { to, tenant }: Extract<PersonAct, { kind: "rename-copy" }>,
  copy: TrueTask | undefined,
  around: Surroundings,
): void {
  if (copy === undefined || !copy.alive) return;
  const others = [...around.state.tenants()].flatMap((state) => state.copy ?? []);
  const namesake = others.find((other) => other.newTaskId !== copy.id && other.name !== copy.name);
  copy.name = to === "namesake" && namesake !== undefined ? namesake.name : `${copy.name} (old)`;
  around.note(`a person renames the copy of ${tenant} to "${copy.name}"`);
}

function actOnTenant(act: Extract<PersonAct, { readonly tenant: string }>, state: TenantState, around: Surroundings) {
  const { server, note } = around;
  const copy = state.copy === undefined ? undefined : server.task(state.copy.newTaskId);
  switch (act.kind) {
    case "make-foreign":
    case "resolve-retry":
      return;
    case "delete-copy":
      if (copy === undefined || !copy.alive) return;
      note(`a person deletes the copy of ${act.tenant}`);
      return remove(copy);
    case "delete-twin":
      for (const task of ownTasks(server, state.ref)) if (task !== copy) remove(task);
      return note(`a person deletes the twins of ${act.tenant}`);
    case "edit-mapping": {
      const [report] = copy?.reports ?? [];
      if (copy === undefined || report === undefined) return;
      report.swaps = [{ qlikAppId: MASTER, newQlikAppId: appId(0x99) }];
      copy.tainted = true;
      return note(`a person edits the mappings of ${act.tenant}'s copy`);
    }
    case "rename-copy":
      return renameCopy(act, copy, around);
    case "resolve-forget":
      excuse(server, state.ref);
      write(around, [{ type: "forgotten", sourceTaskId: state.sourceTaskId, key: state.key, reason: "left" }]);
      return note(`resolve ${act.tenant} --forget`);
    case "resolve-adopt":
      return adoptByHand(act.tenant, state, around);
    case "resolve-rename":
      return renameByHand(act.tenant, state, around);
    default:
      act satisfies never;
  }
}

function remove(task: TrueTask): void {
  task.alive = false;
  task.deletedByPerson = true;
}

function ownTasks(server: ServerModel, ref: TenantRef): readonly TrueTask[] {
  return server.alive().filter((task) => task.by?.ref === ref);
}

/** What a person has decided about is theirs to bear. */
function excuse(server: ServerModel, ref: TenantRef): void {
  for (const sent of server.sent) if (sent.ref === ref) sent.excused = true;
}

function adoptByHand(tenant: string, state: TenantState, around: Surroundings): void {
  const [own, ...twins] = ownTasks(around.server, state.ref).filter((task) => !around.state.explains(task.id));
  if (own === undefined || twins.length > 0 || state.copy !== undefined) return;
  const id: TaskId = own.id;
  write(around, [
    ...state.openCreates.map((intent): LogEntry => ({ type: "settled", write: intent.write, found: "abandoned" })),
    {
      type: "adopted",
      sourceTaskId: state.sourceTaskId,
      key: state.key,
      tenant: state.tenant,
      manifest: state.manifest,
      newTaskId: id,
      name: own.name,
      by: "resolve",
    },
  ]);
  around.note(`resolve ${tenant} --task-id ${id}`);
}

/** The manifest names this customer by another key now: the copy goes to that key, as `resolve NEW --task-id ID --from OLD` does. */
function renameByHand(tenant: string, old: TenantState, around: Surroundings): void {
  const copy = old.copy === undefined ? undefined : around.server.task(old.copy.newTaskId);
  const heir = around.heirOf(tenant, old.sourceTaskId);
  if (copy === undefined || !copy.alive || heir === undefined) return;
  const key = foldTenantKey(heir);
  if (around.state.tenant(tenantRef(old.sourceTaskId, key))?.copy !== undefined) return;
  excuse(around.server, old.ref);
  excuse(around.server, tenantRef(old.sourceTaskId, key));
  copy.owner = tenantRef(old.sourceTaskId, key);
  const open = around.state.tenant(tenantRef(old.sourceTaskId, key))?.openCreates ?? [];
  write(around, [
    ...open.map((intent): LogEntry => ({ type: "settled", write: intent.write, found: "abandoned" })),
    {
      type: "adopted",
      sourceTaskId: old.sourceTaskId,
      key,
      tenant: heir,
      manifest: old.manifest,
      newTaskId: copy.id,
      name: copy.name,
      by: "resolve",
    },
    { type: "forgotten", sourceTaskId: old.sourceTaskId, key: old.key, to: key },
  ]);
  around.note(`resolve ${heir} --task-id ${copy.id} --from ${tenant}`);
}

function write(around: Surroundings, entries: readonly LogEntry[]): void {
  around.log.write(around.run, [{ type: "run", command: "resolve" }, ...entries]);
}
