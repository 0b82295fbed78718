import type { PlanShape } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { Manifest } from "../manifest/manifest.js";
import type { PlanItem } from "../plan/decide.js";
import { listNotWhole } from "../plan/list-findings.js";
import { type Observation, type ObservedSource, observeServer } from "../plan/observe.js";
import { rememberingReader } from "../plan/remembered-reads.js";
import type { Interruption } from "../run/abort.js";
import { type Attempt, attempt } from "../run/attempt.js";
import type { RunOptions } from "../run/run.js";
import { type Rehearsal, rehearseSync } from "../run/sync.js";
import type { ListReading, TaskReader } from "../server/ports.js";
import { type Check, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import { type AppId, parseAppId, type TaskId } from "../shared/ids.js";
import { ACTIONS } from "../shared/outcome.js";
import { EXIT, type Problem, type StopError } from "../shared/problems.js";
import type { Clock } from "../shared/time.js";
import { checkMappings, checkSource } from "./source-checks.js";

/** What of the server is to be examined. */
export interface ServerExamination {
  /** The server's address, as the log is bound to it. */
  readonly server: string;
  /** Those of `--source-task` and of the manifest. */
  readonly sourceTasks: readonly TaskId[];
  readonly shape: PlanShape;
  readonly run: RunOptions;
  /** What the log knows; of no use elsewhere afterwards. Empty where there is no log, or none that may be used. */
  readonly log: LogState;
  /** `undefined`: none was named, or it has faults. */
  readonly manifest: Manifest | undefined;
  /** Why there can be no plan whatever the server says, for the line `plan`. */
  readonly noPlan: string | undefined;
}

/** What an examination works with: it has no way to write. */
export interface ExaminationDeps {
  readonly reader: TaskReader;
  readonly clock: Clock;
  readonly interruption: Interruption;
}

/** One source task as it was looked for. */
interface Sought {
  readonly id: TaskId;
  readonly found: Attempt<{ readonly observation: Observation; readonly source: ObservedSource }>;
}

/** Examines a server by reading: is it reached, is the key accepted, is everything there, and what would a sync plan. */
export async function examineServer(asked: ServerExamination, deps: ExaminationDeps): Promise<readonly Check[]> {
  const reader = rememberingReader(deps.reader);
  const list = await attempt(() => reader.listTasks({ fresh: true }));
  if (list.kind === "stopped") return [...unanswered(asked, list.stop), planSkipped(asked, "the server was not read")];
  const sought: Sought[] = [];
  for (const id of asked.sourceTasks) sought.push({ id, found: await seek(id, asked.log, reader) });
  const rehearsal = await rehearse(asked, sought, { ...deps, reader });
  const copies = copiesIn(asked, rehearsal);
  return [
    ...checkAnswers(asked, list.value, sought),
    checkList(asked, list.value, { sought, copies }),
    ...(await checkSources(asked, sought, { reader, copies })),
    planCheck(asked, rehearsal),
  ];
}

/** The lines of a server that was not read. `why` completes them. */
export function unreadServer(why: string): readonly Check[] {
  return (["task-list", "source-task", "reports", "mappings", "mail"] as const).map((name) => skipped(name, why));
}

function unanswered({ server }: ServerExamination, stop: StopError): readonly Check[] {
  const refused = stop.problems.some((problem) => problem.code === "KEY_REFUSED");
  const first = refused
    ? [passed("server", `${server} answers`), failed("key", stop)]
    : [failed("server", stop), skipped("key", "no answer says whether the key is accepted")];
  return [...first, ...unreadServer(refused ? "the key is refused" : "the server was not read")];
}

async function seek(id: TaskId, log: LogState, reader: TaskReader): Promise<Sought["found"]> {
  return attempt(async () => {
    const observation = await observeServer(reader, () => log, [id]);
    const source = observation.sources.get(id);
    if (source === undefined) throw new Error(`the source task ${id} was neither found nor refused`);
    return { observation, source };
  });
}

/** Plans as a dry run does. `undefined`: there is nothing to plan from. */
async function rehearse(
  asked: ServerExamination,
  sought: readonly Sought[],
  deps: ExaminationDeps,
): Promise<Attempt<Rehearsal> | undefined> {
  const { manifest, shape, run, log, server, noPlan } = asked;
  if (manifest === undefined || noPlan !== undefined || sought.some(({ found }) => found.kind === "stopped"))
    return undefined;
  const options = { shape, run };
  const request = { runId: "doctor", server, manifest, options, state: log, warnings: manifest.warnings };
  return attempt(() => rehearseSync(request, { ...deps, head: null, emit: () => undefined }));
}

/** Whether a sync would copy this source task. Without a manifest that is what one asks for. */
function copiesIn(asked: ServerExamination, rehearsal: Attempt<Rehearsal> | undefined): (id: TaskId) => boolean {
  if (rehearsal?.kind === "done") {
    const copied = new Set(rehearsal.value.plan.items.filter(mayCreate).map((item) => item.sourceTaskId));
    return (id) => copied.has(id);
  }
  const nothingSaid = asked.manifest === undefined && asked.noPlan === undefined;
  return () => nothingSaid;
}

function mayCreate(item: PlanItem): boolean {
  return item.action.kind === "create" || item.action.kind === "settle";
}

function checkAnswers({ server }: ServerExamination, list: ListReading, sought: readonly Sought[]): readonly Check[] {
  const stops = sought.flatMap(({ found }) => (found.kind === "stopped" ? [found.stop] : []));
  const refused = stops.find((stop) =>
    stop.problems.some(({ code }) => code === "KEY_REFUSED" || code === "FORBIDDEN"),
  );
  const read = list.kind !== "none" || sought.some(({ found }) => found.kind === "done" && shows(found.value.source));
  if (refused !== undefined) return [passed("server", `${server} answers`), failed("key", refused)];
  if (read) return [passed("server", `${server} answers as a Qalyptus Server does`), passed("key", "accepted")];
  const { problem, forbidden } = list;
  if (forbidden) return [passed("server", `${server} answers`), warned("key", [problem])];
  if (problem.code === "NOT_FOUND")
    return [
      warned("server", [problem], `${server} answers, but nothing that was read shows that it is a Qalyptus Server`),
      skipped("key", "no answer says whether the key is accepted"),
    ];
  const failing = { exitCode: EXIT.server, problems: [problem] };
  return [failed("server", failing), skipped("key", "no answer says whether the key is accepted")];
}

function shows(source: ObservedSource): boolean {
  return source.route !== "none";
}

function checkList(
  asked: ServerExamination,
  list: ListReading,
  of: { readonly sought: readonly Sought[]; readonly copies: (id: TaskId) => boolean },
): Check {
  const gaps = of.sought.flatMap(({ id, found }) => {
    if (found.kind === "stopped") return [];
    const wholeness = found.value.observation.list.wholenessOf(id);
    return wholeness.whole ? [] : [{ id, why: wholeness.why }];
  });
  const blind = gaps.filter(({ id }) => of.copies(id) && !asked.log.knowsAnyCopy() && !asked.run.newLog);
  if (blind.length > 0)
    return failed("task-list", { exitCode: EXIT.guard, problems: blind.map(({ why }) => blindStart(why)) });
  if (list.kind !== "read") return warned("task-list", [list.problem]);
  const count = `${list.tasks.length} ${list.tasks.length === 1 ? "task" : "tasks"}`;
  if (gaps.length > 0)
    return warned(
      "task-list",
      gaps.map(({ why }) => listNotWhole(why)),
    );
  return passed("task-list", `read to its end: ${count}`);
}

function blindStart(why: string): Problem {
  return {
    code: "NEW_LOG",
    message: `the log knows no copy, and the task list does not show whether there are any (${why})`,
    hint: "Where this log is lost or elsewhere, name it with --idempotency-log. Where these really are the first copies: --new-log",
  };
}

async function checkSources(
  asked: ServerExamination,
  sought: readonly Sought[],
  deps: { readonly reader: TaskReader; readonly copies: (id: TaskId) => boolean },
): Promise<readonly Check[]> {
  if (sought.length === 0) {
    const why = "no source task is named";
    const [, first, ...others] = unreadServer(why);
    return [{ ...(first ?? skipped("source-task", why)), hint: "Give --source-task GUID, or the manifest" }, ...others];
  }
  const { manifest, shape } = asked;
  const checks: Check[] = [];
  for (const { id, found } of sought) {
    if (found.kind === "stopped") {
      const [, , ...others] = unreadServer(`the source task ${id} was not found`);
      checks.push(failed("source-task", found.stop), ...others);
      continue;
    }
    const { source } = found.value;
    const question = {
      source,
      reports: manifest === undefined ? shape.reports : [],
      nameTemplate: manifest === undefined ? shape.name : "",
      masterApps: masterAppsOf(asked, id),
      allowLiveSource: shape.allowLiveSource,
      copies: deps.copies(id),
    };
    checks.push(...checkSource(question), await checkMappings(source, asked.log, deps.reader));
  }
  return checks;
}

function masterAppsOf({ manifest, shape }: ServerExamination, sourceTaskId: TaskId): ReadonlySet<AppId> {
  const rows = manifest?.tenants.filter((row) => row.sourceTaskId === sourceTaskId) ?? [];
  const given = shape.masterApp === undefined ? undefined : parseAppId(shape.masterApp);
  const named = rows.flatMap((row) => row.desired.map((mapping) => mapping.qlikAppId));
  return new Set(given === undefined ? named : [given, ...named]);
}

function planCheck(asked: ServerExamination, rehearsal: Attempt<Rehearsal> | undefined): Check {
  if (rehearsal === undefined) return planSkipped(asked, "not every source task was found");
  if (rehearsal.kind === "stopped") return failed("plan", rehearsal.stop);
  const { result } = rehearsal.value;
  const counts = ACTIONS.filter((action) => result.summary[action] > 0).map(
    (action) => `${result.summary[action]} ${action}`,
  );
  const shown = `a sync would plan: ${counts.join(", ")}`;
  if (result.exitCode === EXIT.guard) {
    const why = result.errors.map((error) => error.code).join(", ");
    const problems = result.errors.filter((error) => !TOLD_ELSEWHERE.has(error.code));
    return { ...failed("plan", { exitCode: EXIT.guard, problems }), message: `${shown}; refused by a guard: ${why}` };
  }
  const warnings = result.warnings.filter((warning) => !asked.manifest?.warnings.includes(warning));
  const conflicts = result.tenants.flatMap((tenant) =>
    tenant.error === undefined ? [] : [{ ...tenant.error, tenant: tenant.tenant }],
  );
  const problems = [...conflicts, ...warnings.filter((warning) => !TOLD_ELSEWHERE.has(warning.code))];
  if (problems.length === 0) return passed("plan", shown);
  return { ...warned("plan", problems, shown), hint: "sync --dry-run shows each tenant" };
}

/** What the lines of the list and of mail tell already. */
const TOLD_ELSEWHERE = new Set([
  "LIVE_SOURCE",
  "NEW_LOG",
  "SOURCE_MAY_MAIL",
  "SOURCE_NOT_SHOWN",
  "TRIGGER_ON_MASTER_APP",
  "LIST_NOT_READ",
  "LIST_NOT_WHOLE",
]);

function planSkipped({ manifest, noPlan }: ServerExamination, why: string): Check {
  if (noPlan !== undefined) return skipped("plan", noPlan);
  return manifest === undefined
    ? skipped("plan", "no manifest is named", "Name it to see what a sync would do: doctor customers.csv")
    : skipped("plan", why);
}
