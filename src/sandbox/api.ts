import { type Answer, created, failure, success } from "./answer.js";
import type { Behaviour } from "./behaviour.js";
import type { SeededChance } from "./chance.js";
import { type Overwrite, parseDuplicateBody, parsePatchBody } from "./request-body.js";
import type { ApiCall } from "./route.js";
import { shownReport, shownReportDetails, shownTask } from "./shown-task.js";
import { listed } from "./task-list.js";
import type { SandboxTask, StoredReport, Swap, TaskStore } from "./task-store.js";
import type { World } from "./world.js";

/** What was done and what is to be answered. `made`: the copy that a create made. */
export interface Performed {
  readonly answer: Answer;
  readonly made?: SandboxTask | undefined;
}

type CallOf<Kind extends ApiCall["kind"]> = Extract<ApiCall, { readonly kind: Kind }>;

/** Carries out requests on the store, as strictly as this server behaves. Decides nothing about faults of single requests. */
export class Api {
  readonly #store: TaskStore;
  readonly #behaviour: Behaviour;
  readonly #world: World;
  readonly #chance: SeededChance;
  #listReadings = 0;

  constructor(of: { store: TaskStore; behaviour: Behaviour; world: World; chance: SeededChance }) {
    this.#store = of.store;
    this.#behaviour = of.behaviour;
    this.#world = of.world;
    this.#chance = of.chance;
  }

  /** The name of the task that a request is about: what faults are aimed by. Empty for the list. */
  nameOf(call: ApiCall, body: unknown): string {
    if (call.kind === "list") return "";
    const task = this.#store.task(call.taskId);
    if (call.kind !== "duplicate") return task?.name ?? "";
    const parsed = parseDuplicateBody(body);
    return (parsed.ok ? parsed.value.NewName : undefined) ?? task?.name ?? "";
  }

  /** Does the work of one request. Writes are in the state file when it resolves; rejects where they could not be put there. */
  async perform(call: ApiCall, body: unknown): Promise<Performed> {
    if (call.kind === "list") return { answer: this.#list(call) };
    const task = this.#visible(call.taskId);
    if (task === undefined) return this.#refuse(404, `there is no task ${call.taskId}`);
    switch (call.kind) {
      case "task":
        return this.#show(shownTask(task));
      case "reports":
        return this.#show(task.reports.map((report) => shownReport(task, report, this.#behaviour.showMappings)));
      case "recipients":
        return this.#show(task.origin.recipients);
      case "triggers":
        return this.#show(task.origin.triggers);
      case "report":
        return this.#report(task, call.rowId);
      case "duplicate":
        return this.#duplicate(task, body);
      case "patch":
        return this.#patch(task, call, body);
      default:
        return call satisfies never;
    }
  }

  #visible(taskId: string): SandboxTask | undefined {
    const task = this.#store.task(taskId);
    return task !== undefined && task.copyOf !== null && this.#behaviour.hidesCopies ? undefined : task;
  }

  #list(call: CallOf<"list">): Answer {
    const behaviour = this.#behaviour;
    const refusal = behaviour.listRefusal;
    if (refusal !== undefined) return failure(behaviour, { status: refusal, message: "the task list is not for you" });
    this.#listReadings += 1;
    const request = { version: call.version, query: call.query, reading: this.#listReadings };
    const listing = listed(this.#store.tasks(), request, { behaviour, chance: this.#chance });
    if ("wrong" in listing) return failure(behaviour, { status: 400, message: listing.wrong });
    return success(behaviour, listing.tasks.map(shownTask));
  }

  #report(task: SandboxTask, rowId: string): Performed {
    const report = task.reports.find((candidate) => candidate.rowId === rowId);
    if (report === undefined) return this.#refuse(404, `the task ${task.id} has no report row ${rowId}`);
    return this.#show(shownReportDetails(task, report, this.#behaviour.showMappings));
  }

  async #duplicate(task: SandboxTask, body: unknown): Promise<Performed> {
    const parsed = parseDuplicateBody(body);
    if (!parsed.ok) return this.#refuse(400, parsed.message);
    const { NewName, OverwriteReportApps = [] } = parsed.value;
    if (this.#isForbidden(NewName ?? task.name)) return this.#refuse(403, "this key may not write this task");
    const fault = this.#unknownReport(task, OverwriteReportApps) ?? this.#unknownApp(OverwriteReportApps);
    if (fault !== undefined) return this.#refuse(400, fault);
    const name = this.#nameToStore(task, NewName ?? undefined);
    if (name === undefined) return this.#refuse(409, `there is a task named "${NewName}" already`);
    const mappings = new Map<string, readonly Swap[]>();
    for (const entry of OverwriteReportApps) {
      const report = this.#named(task, entry.ReportId);
      if (report !== undefined) mappings.set(report.reportId, swapsOf(entry));
    }
    const made = this.#store.addCopy({ of: task, name, mappings });
    await this.#store.save();
    return { answer: created(this.#behaviour, made.id), made };
  }

  async #patch(task: SandboxTask, call: CallOf<"patch">, body: unknown): Promise<Performed> {
    const row = task.reports.find((report) => report.rowId === call.rowId);
    if (row === undefined) return this.#refuse(404, `the task ${task.id} has no report row ${call.rowId}`);
    const parsed = parsePatchBody(body);
    if (!parsed.ok) return this.#refuse(400, parsed.message);
    if (this.#isForbidden(task.name)) return this.#refuse(403, "this key may not write this task");
    const { OverwriteReportApps } = parsed.value;
    const fault = this.#unknownReport(task, OverwriteReportApps) ?? this.#unknownApp(OverwriteReportApps);
    if (fault !== undefined) return this.#refuse(400, fault);
    for (const entry of OverwriteReportApps) {
      const named = this.#named(task, entry.ReportId);
      if (named === undefined) continue;
      if (named !== row) return this.#refuse(400, `the ReportId ${entry.ReportId} is not the report of the path`);
      if (this.#behaviour.patchesTakeEffect) this.#store.replaceMappings(task, row.rowId, swapsOf(entry));
    }
    await this.#store.save();
    return this.#show(null);
  }

  /** The report that a body's `ReportId` means on this server: by its row's ID or by the published report's. */
  #named(task: SandboxTask, id: string): StoredReport | undefined {
    const byRow = this.#behaviour.reportIds === "row";
    return task.reports.find((report) => (byRow ? report.rowId : report.reportId) === id);
  }

  #unknownReport(task: SandboxTask, entries: readonly Overwrite[]): string | undefined {
    if (this.#behaviour.unknownReports === "ignore") return undefined;
    const unknown = entries.find((entry) => this.#named(task, entry.ReportId) === undefined);
    return unknown === undefined ? undefined : `the task ${task.id} has no report ${unknown.ReportId}`;
  }

  #unknownApp(entries: readonly Overwrite[]): string | undefined {
    const apps = entries.flatMap((entry) => entry.QlikApps.flatMap((swap) => [swap.QlikAppId, swap.NewQlikAppId]));
    const unknown = apps.find((app) => !this.#world.knowsApp(app));
    return unknown === undefined ? undefined : `there is no Qlik Sense app ${unknown}`;
  }

  #isForbidden(name: string): boolean {
    return this.#behaviour.forbidden.some((fits) => fits(name));
  }

  /** The name that a copy gets; `undefined`: it is taken, and this server refuses that. */
  #nameToStore(task: SandboxTask, wanted: string | undefined): string | undefined {
    if (wanted === undefined) return this.#store.nextFreeName(task.name);
    const name = this.#behaviour.storedName(wanted);
    if (this.#behaviour.takenNames === "allow" || !this.#store.isTaken(name)) return name;
    return this.#behaviour.takenNames === "suffix" ? this.#store.nextFreeName(name) : undefined;
  }

  #show(data: unknown): Performed {
    return { answer: success(this.#behaviour, data) };
  }

  #refuse(status: number, message: string): Performed {
    return { answer: failure(this.#behaviour, { status, message }) };
  }
}

function swapsOf(entry: Overwrite): readonly Swap[] {
  return entry.QlikApps.map((swap) => ({ qlikAppId: swap.QlikAppId, newQlikAppId: swap.NewQlikAppId }));
}
