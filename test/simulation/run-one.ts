import type { RunEvent } from "../../src/app/events.js";
import type { Interruption } from "../../src/app/halts.js";
import type { SyncRequest } from "../../src/app/sync.js";
import {
  foldTenantKey,
  parseTaskId,
  type ReportId,
  type TaskId,
  type TenantRef,
  tenantRef,
} from "../../src/domain/ids.js";
import type { CreateIntentRecord, PatchIntentRecord } from "../../src/domain/log-record.js";
import { LogState } from "../../src/domain/log-state.js";
import type { RunResult, TenantResult } from "../../src/domain/outcome.js";
import type { Core } from "./core.js";
import { APPS, type History, type Row, type RunPlan } from "./history.js";
import { appId, reportId } from "./identifiers.js";
import * as invariants from "./invariants.js";
import { type LoggedEntry, LogModel } from "./log-model.js";
import { manifestOf } from "./manifest-model.js";
import { act } from "./person.js";
import { mixedSeed, Random } from "./random.js";
import { drainMicrotasks, type Owner, Scheduler } from "./scheduler.js";
import { type SentWrite, ServerModel, type TrueTask, uuidsOf } from "./server-model.js";

/** A rule that did not hold. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

/** How one history went. */
export interface Verdict {
  readonly violation: Violation | undefined;
  /** Faults that happened, by number. */
  readonly faults: readonly string[];
  /** What happened, line by line. */
  readonly story: readonly string[];
  /** How often what was met: shows that the simulation does not run on empty. */
  readonly met: ReadonlyMap<string, number>;
}

class Violated extends Error {
  readonly violation: Violation;
  constructor(violation: Violation) {
    super(violation.message);
    this.violation = violation;
  }
}

const MOST_STEPS = 4000;
/** How many runs without any fault a history ends with, at most: it is settled when a second one sends nothing. */
const CALM_RUNS = 5;

/** Lives one history through, with the core given; stops at the first rule that does not hold. */
export async function runOne(history: History, core: Core): Promise<Verdict> {
  return new World(history, core).live();
}

class World {
  readonly #history: History;
  readonly #core: Core;
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  readonly #server: ServerModel;
  readonly #log: LogModel;
  readonly #sources: TrueTask[] = [];
  readonly #uuid: () => string;
  readonly #without: ReadonlySet<string>;
  readonly #faults: string[] = [];
  readonly #story: string[] = [];
  readonly #met = new Map<string, number>();
  readonly #intents = new Map<string, CreateIntentRecord | PatchIntentRecord>();
  readonly #durableIntents = new Map<string, CreateIntentRecord | PatchIntentRecord>();
  #durable = new LogState();
  #written = new LogState();
  #run: { readonly index: number; readonly plan: RunPlan } | undefined;
  #faultNumber = 0;
  #logChanged = false;
  #stopped = false;
  #sendsOfRun: TenantRef[] = [];
  #violation: Violation | undefined;

  constructor(history: History, core: Core) {
    this.#history = history;
    this.#core = core;
    this.#without = new Set(history.without);
    this.#random = new Random(mixedSeed(history.seed, 2));
    this.#uuid = uuidsOf(this.#random);
    this.#scheduler = new Scheduler(this.#random);
    this.#log = new LogModel({
      scheduler: this.#scheduler,
      random: this.#random,
      broken: () => new core.StopError(6, { code: "LOG_BROKEN", message: "the disk is full", hint: "make room" }),
      onWritten: (logged) => this.#onWritten(logged),
      onDurable: (logged) => this.#onDurable(logged),
    });
    this.#server = new ServerModel({
      scheduler: this.#scheduler,
      random: this.#random,
      profile: history.server,
      settleMs: history.settleMs,
      timeoutMs: history.timeoutMs,
      fault: (label, probability) => this.#fault(label, probability),
      note: (text) => this.#note(text),
      stop: (problem) => new core.StopError(5, problem),
      loggedCopies: () =>
        [...this.#durable.tenants()].flatMap(({ copy }) => (copy === undefined || copy.gone ? [] : [copy.newTaskId])),
      refOfWrite: (write) => {
        const intent = this.#intents.get(write);
        return intent === undefined ? undefined : tenantRef(intent.sourceTaskId, intent.key);
      },
      beforeSend: (sent, kind, inFlight) => this.#beforeSend(sent, kind, inFlight),
      onStop: () => {
        this.#stopped = true;
      },
    });
    for (let index = 0; index < history.sources; index += 1)
      this.#sources.push(
        this.#server.add(
          "source",
          index === 0 ? "Monthly Report Europe" : `Weekly Report ${index}`,
          reportsOf(history, index),
        ),
      );
  }

  async live(): Promise<Verdict> {
    try {
      for (const [index, plan] of this.#history.runs.entries()) {
        await this.#between(index, plan);
        await this.#runOnce(index, plan);
      }
      await this.#calmDown();
    } catch (error) {
      if (!(error instanceof Violated)) throw error;
      this.#violation = error.violation;
    }
    if (this.#violation !== undefined) this.#note(`VIOLATED ${this.#violation.invariant}: ${this.#violation.message}`);
    return { violation: this.#violation, faults: this.#faults, story: this.#story, met: this.#met };
  }

  // Chance and notes.

  #fault(label: string, probability: number): boolean {
    if (probability <= 0) return false;
    this.#faultNumber += 1;
    const happens = this.#random.chance(probability);
    const name = `${this.#run?.index ?? 0}.${this.#faultNumber}`;
    if (!happens || this.#without.has(name)) return false;
    this.#faults.push(name);
    this.#count(`fault: ${label}`);
    return true;
  }

  #note(text: string): void {
    this.#story.push(`${String(this.#scheduler.now).padStart(6)}  ${text}`);
  }

  #count(what: string): void {
    this.#met.set(what, (this.#met.get(what) ?? 0) + 1);
  }

  #check(invariant: string, finding: invariants.Finding): void {
    if (finding === undefined || this.#violation !== undefined) return;
    this.#violation = { invariant, message: finding };
  }

  // The log.

  #onWritten({ entry, run }: LoggedEntry): void {
    this.#logChanged = true;
    this.#written.apply(entry, run);
    this.#note(`  log: ${shortEntry(entry)}`);
    if (entry.type === "create-intent" || entry.type === "patch-intent") this.#intents.set(entry.write, entry);
    // Which task is the copy was said by a person: what else may be on its way is theirs to bear.
    if (entry.type === "adopted" && entry.by !== "adopt")
      for (const sent of this.#server.sent)
        if (sent.ref === tenantRef(entry.sourceTaskId, entry.key) && "name" in sent.body) sent.excused = true;
  }

  #onDurable({ entry, run }: LoggedEntry): void {
    this.#durable.apply(entry, run);
    this.#count(entry.type === "settled" ? `settled: ${entry.found}` : entry.type);
    if (entry.type === "create-intent" || entry.type === "patch-intent") this.#durableIntents.set(entry.write, entry);
    this.#check("logKnowsMappingsRightly", invariants.logKnowsMappingsRightly(this.#evidence()));
    // A server that gives one copy the name that another was sent with leads any look-up astray.
    if (this.#history.server.names !== "cut")
      this.#check("doubtsFindTheirOwn", invariants.doubtsFindTheirOwn(this.#evidence(), entry));
    // A rename adopts under the new key first and forgets the old one in the same breath.
    const isRename = entry.type === "adopted" && entry.by === "resolve";
    if (!isRename) this.#check("noTaskIsHeldByTwo", invariants.noTaskIsHeldByTwo(this.#evidence()));
  }

  /** The log as the next process reads it. */
  #reread(): void {
    if (!this.#logChanged) return;
    const fold = (): LogState => {
      const state = new LogState();
      for (const { entry, run } of this.#log.records) state.apply(entry, run);
      return state;
    };
    this.#durable = fold();
    this.#written = fold();
    this.#logChanged = false;
  }

  // Evidence.

  #evidence(): invariants.Evidence {
    const plan = this.#run?.plan;
    const { server } = this.#history;
    const modesUsed = new Set(this.#history.runs.map((run) => run.reportId));
    return {
      now: this.#scheduler.now,
      settleMs: this.#history.settleMs,
      server: this.#server,
      durable: this.#durable,
      written: this.#written,
      durableIntents: this.#durableIntents,
      sharedApps: new Set(plan?.shareApps === true ? Array.from({ length: APPS }, (_, index) => appId(index)) : []),
      mappingsHonest: server.patchWorks && [...modesUsed].every((mode) => this.#server.takesReportIds(mode)),
    };
  }

  #beforeSend(sent: SentWrite, kind: "create" | "patch", inFlight: number): void {
    const evidence = this.#evidence();
    this.#count(`sent: ${kind}`);
    if (sent.ref !== undefined) this.#sendsOfRun.push(sent.ref);
    this.#check("intentIsDurableBeforeTheSend", invariants.intentIsDurableBeforeTheSend(evidence, sent));
    this.#check("sendIsWhatItsIntentSays", invariants.sendIsWhatItsIntentSays(evidence, sent));
    this.#check(
      "writesInFlightStayBelow",
      invariants.writesInFlightStayBelow(this.#run?.plan.concurrency ?? 1, inFlight),
    );
    this.#check("noCreateWhileOneMayBeAlive", invariants.noCreateWhileOneMayBeAlive(evidence, sent));
    this.#check("noNameIsSentForTwo", invariants.noNameIsSentForTwo(evidence, sent));
    this.#check("noAppIsInForceForTwoKeys", invariants.noAppIsInForceForTwoKeys(evidence, sent));
    this.#check("noPatchPastADoubt", invariants.noPatchPastADoubt(evidence, sent));
    if (this.#stopped) this.#check("nothingIsSentAfterAHalt", `a ${kind} was sent after the run was halted`);
  }

  // Runs.

  async #between(index: number, plan: RunPlan): Promise<void> {
    this.#scheduler.pass(plan.gap);
    this.#reread();
    for (const one of plan.acts) {
      this.#count(`person: ${one.kind}`);
      act(one, {
        server: this.#server,
        log: this.#log,
        state: this.#durable,
        sources: this.#sources,
        run: `resolve-${index}`,
        note: (text) => this.#note(text),
        nameOf: (tenant) => this.#nameOf(tenant, plan.rows),
        sourceOf: (tenant) => this.#sourceOf(tenant, plan.rows),
        heirOf: (tenant, source) => this.#heirOf(tenant, source, plan.rows),
      });
      if (one.kind === "lose-log") this.#logChanged = true;
      if (one.kind === "lose-log") for (const sent of this.#server.sent) sent.excused = true;
      // What nobody remembers and the server does not show, no client can know.
      const forgets = one.kind === "lose-log" || one.kind === "resolve-forget";
      if (forgets && !this.#history.server.showsMappings) for (const task of this.#server.tasks) task.tainted = true;
      this.#reread();
    }
  }

  #heirOf(tenant: string, source: TaskId, rows: readonly Row[]): string | undefined {
    if (this.#sourceOf(tenant, rows) !== undefined) return undefined;
    return rows.find((row) => {
      const ref = tenantRef(source, foldTenantKey(row.tenant));
      return this.#sources[row.source]?.id === source && this.#durable.tenant(ref)?.copy === undefined;
    })?.tenant;
  }

  #sourceOf(tenant: string, rows: readonly Row[]): TrueTask | undefined {
    const row = rows.find((candidate) => foldTenantKey(candidate.tenant) === foldTenantKey(tenant));
    return row === undefined ? undefined : this.#sources[row.source];
  }

  #nameOf(tenant: string, rows: readonly Row[]): string | undefined {
    const row = rows.find((candidate) => foldTenantKey(candidate.tenant) === foldTenantKey(tenant));
    const source = row === undefined ? undefined : this.#sources[row.source];
    if (row === undefined || source === undefined) return undefined;
    const task = this.#durable.source(source.id).name ?? source.name;
    return row.template.replace("{task}", task).replace("{tenant}", row.tenant.trim()).replace("{label}", row.label);
  }

  async #runOnce(index: number, plan: RunPlan): Promise<RunResult | undefined> {
    this.#run = { index, plan };
    if (plan.rehearsed) await this.#rehearse(index, plan);
    this.#note(`run ${index}: ${describeRun(plan)}`);
    const twinsBefore = invariants.twinsOnServer(this.#evidence());
    const sentBefore = this.#server.sent.length;
    const result = await this.#drive(index, plan, "sync");
    this.#count(`run: ${result === undefined ? "no result" : `exit ${result.exitCode}`}`);
    for (const tenant of result?.tenants ?? []) this.#count(`result: ${tenant.action} ${tenant.outcome}`);
    if (result !== undefined) this.#judge(result, plan, { twinsBefore, sentBefore });
    this.#throwIfViolated();
    return result;
  }

  #judge(
    result: RunResult,
    plan: RunPlan,
    before: { readonly twinsBefore: Parameters<typeof invariants.twinsAreTold>[2]; readonly sentBefore: number },
  ): void {
    const evidence = this.#evidence();
    for (const tenant of result.tenants) this.#check("verifiedIsTrue", invariants.verifiedIsTrue(evidence, tenant));
    const bad = result.errors.find((error) => error.code === "DEFECT");
    if (bad !== undefined) this.#check("noDefect", bad.message);
    if (result.exitCode === 0)
      for (const tenant of result.tenants)
        if (tenant.outcome === "failed" || tenant.outcome === "in-doubt")
          this.#check("exitCodeTells", `exit 0 with ${tenant.tenant} ${tenant.outcome}`);
    this.#check("troubleNamesAWayOut", invariants.troubleNamesAWayOut(result));
    const readsWell = this.#history.server.list === "full" && plan.readFaults === 0 && !plan.blind;
    if (readsWell) this.#check("twinsAreTold", invariants.twinsAreTold(evidence, result, before.twinsBefore));
    this.#checkDoubtsAreTold(result, before.sentBefore);
  }

  /** A tenant whose write went in doubt in this run, and is so still, is told in doubt (or as failed, with why). */
  #checkDoubtsAreTold(result: RunResult, sentBefore: number): void {
    for (const sent of this.#server.sent.slice(sentBefore)) {
      const state = sent.ref === undefined ? undefined : this.#durable.tenant(sent.ref);
      if (sent.told !== "unknown" || !("name" in sent.body) || state === undefined) continue;
      if (!state.openCreates.some((intent) => intent.write === sent.write)) continue;
      const told = result.tenants.find((tenant) => refOf(tenant) === sent.ref);
      if (told?.outcome === "in-doubt" || told?.outcome === "failed") continue;
      this.#check("doubtsAreTold", `${sent.ref} is in doubt after this run, and was told ${told?.outcome}`);
    }
  }

  async #rehearse(index: number, plan: RunPlan): Promise<void> {
    const records = this.#log.records.length;
    const truth = this.#truth();
    const sent = this.#server.sent.length;
    this.#note(`dry run before run ${index}`);
    await this.#drive(index, { ...plan, crashAt: undefined, signalAt: undefined, logBreaksAt: undefined }, "rehearsal");
    this.#count("dry run");
    const still = this.#log.records.length === records && this.#server.sent.length === sent && this.#truth() === truth;
    // What was in flight before may arrive while it runs.
    if (!still && !this.#server.sent.some((write) => write.told === "unknown"))
      this.#check("dryRunChangesNothing", "a dry run changed the log or the server");
    if (this.#log.records.length !== records || this.#server.sent.length !== sent)
      this.#check("dryRunChangesNothing", "a dry run wrote");
  }

  #truth(): string {
    return JSON.stringify(this.#server.tasks.map((task) => [task.id, task.name, task.alive, task.reports]));
  }

  #throwIfViolated(): void {
    if (this.#violation !== undefined) throw new Violated(this.#violation);
  }

  /** One process, from its start to its end or death. */
  async #drive(index: number, plan: RunPlan, kind: "sync" | "rehearsal"): Promise<RunResult | undefined> {
    const owner: Owner = { name: `run ${index}` };
    this.#stopped = false;
    this.#sendsOfRun = [];
    const { reader, writer } = this.#server.connect(owner, plan);
    const state = new this.#core.LogState();
    for (const { entry, run } of this.#log.records) state.apply(entry, run);
    const stop = new AbortController();
    const immediate = new AbortController();
    const clock = clockOf(this.#scheduler, owner);
    const emit = (event: RunEvent): void => this.#onEvent(event, kind);
    const request = this.#request(index, plan, state, kind);
    const interruption: Interruption = { requested: stop.signal, immediate: immediate.signal, signal: () => "SIGINT" };
    let ended: { readonly result: RunResult | undefined } | undefined;
    const running =
      kind === "sync"
        ? this.#core.runSync(request, {
            reader,
            writer,
            log: this.#log.open(request.runId, owner, plan.logBreaksAt ?? 0),
            clock,
            chance: { fraction: () => this.#random.fraction(), uuid: this.#uuid },
            emit,
            interruption,
          })
        : this.#core
            .rehearseSync(request, { reader, clock, emit, head: null, interruption })
            .then((rehearsal) => rehearsal.result);
    running.then(
      (result) => {
        ended = { result };
      },
      (error: unknown) => {
        ended = { result: undefined };
        this.#onThrown(error);
      },
    );
    await this.#steps({ plan, owner, stop, immediate, hasEnded: () => ended !== undefined });
    if (ended === undefined) this.#count("crash");
    this.#scheduler.drop(owner);
    this.#server.disconnect();
    if (kind === "sync") this.#log.endProcess();
    this.#reread();
    return ended?.result;
  }

  async #steps(of: {
    readonly plan: RunPlan;
    readonly owner: Owner;
    readonly stop: AbortController;
    readonly immediate: AbortController;
    readonly hasEnded: () => boolean;
  }): Promise<void> {
    const { plan, stop, immediate } = of;
    for (let step = 0; ; step += 1) {
      await drainMicrotasks();
      this.#throwIfViolated();
      if (of.hasEnded()) return;
      if (plan.crashAt === step) return this.#note("the process is killed");
      if (plan.signalAt === step) {
        this.#note("SIGINT");
        stop.abort();
        this.#stopped = true;
        continue;
      }
      if (plan.secondSignalAt === step) {
        this.#note("SIGINT again");
        immediate.abort();
        continue;
      }
      if (step > MOST_STEPS) throw new Violated({ invariant: "aRunEnds", message: `no end after ${MOST_STEPS} steps` });
      if (!this.#scheduler.step())
        throw new Violated({ invariant: "aRunEnds", message: "the run waits, and nothing is to come" });
      if (this.#log.isBroken) this.#stopped = true;
    }
  }

  #onThrown(error: unknown): void {
    if (error instanceof this.#core.StopError) {
      this.#count(`stopped before the first write: exit ${error.exitCode}`);
      this.#note(`ends with exit ${error.exitCode}: ${error.problems.map((problem) => problem.code).join(", ")}`);
      if (this.#sendsOfRun.length > 0)
        this.#check("aStopErrorMeansNothingSent", `runSync threw (${error.message}) after something was sent`);
      return;
    }
    this.#check("noDefect", error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #onEvent(event: RunEvent, kind: "sync" | "rehearsal"): void {
    if (event.kind === "warning") this.#count(`warning: ${event.problem.code}`);
    if (event.kind !== "tenant") return;
    const { result } = event;
    this.#note(
      `  told: ${result.tenant} ${result.action} ${result.outcome}${result.error === undefined ? "" : ` (${result.error.code})`}`,
    );
    if (kind === "rehearsal") return;
    if (result.error !== undefined) this.#count(`error: ${result.error.code}`);
    const evidence = this.#evidence();
    const ref = refOf(result);
    if (ref !== undefined)
      this.#check("outcomeIsDurableBeforeItIsTold", invariants.outcomeIsDurableBeforeItIsTold(evidence, result, ref));
    this.#check("successHasItsCopy", invariants.successHasItsCopy(evidence, result));
    this.#check("verifiedIsTrue", invariants.verifiedIsTrue(evidence, result));
  }

  #request(index: number, plan: RunPlan, state: LogState, kind: "sync" | "rehearsal"): SyncRequest {
    const manifest = manifestOf(
      { rows: plan.rows, sources: this.#sources, typed: this.#history.server.reportIds },
      (row, source) => {
        if (row.newTaskId === "none") return undefined;
        const ref = tenantRef(source.id, foldTenantKey(row.tenant));
        const name = this.#nameOf(row.tenant, plan.rows);
        const foreign = this.#server.alive().find((task) => task.kind === "foreign" && task.name === name);
        if (row.newTaskId === "foreign") return foreign?.id;
        return (
          this.#durable.tenant(ref)?.copy?.newTaskId ?? this.#server.alive().find((task) => task.by?.ref === ref)?.id
        );
      },
    );
    const everyApp = Array.from({ length: APPS }, (_, app) => appId(app));
    return {
      runId: `run-${index}-${kind}`,
      server: "http://simulated",
      manifest,
      state,
      warnings: [],
      options: {
        shape: {
          reports: [],
          reportId: plan.reportId,
          adopt: plan.adopt,
          recreate: plan.recreate,
          only: plan.only,
          limit: plan.limit,
          allowSharedApp: plan.shareApps ? everyApp : [],
          allowMasterApp: [],
          allowUnmappedReport: plan.allowUnmapped ? this.#sources.flatMap((s) => s.reports.map((r) => r.reportId)) : [],
          allowLiveSource: false,
        },
        run: {
          dryRun: kind === "rehearsal",
          offline: false,
          verify: plan.verify,
          newLog: plan.newLog,
          settleMs: this.#history.settleMs,
          timeoutMs: this.#history.timeoutMs,
          concurrency: plan.concurrency,
          retries: plan.retries,
          maxFailures: plan.maxFailures,
          maxChanges: undefined,
          detailedExitCode: false,
        },
      },
    };
  }

  // The end: no more faults.

  async #calmDown(): Promise<void> {
    const last = this.#history.runs.at(-1);
    if (last === undefined) return;
    const calm: RunPlan = {
      ...last,
      gap: this.#history.settleMs * 12,
      acts: [],
      limit: undefined,
      only: [],
      maxFailures: undefined,
      writeFaults: 0,
      readFaults: 0,
      blind: false,
      newLog: true,
      rehearsed: false,
      crashAt: undefined,
      signalAt: undefined,
      secondSignalAt: undefined,
      logBreaksAt: undefined,
    };
    let before: RunResult | undefined;
    for (let run = 0; run < CALM_RUNS; run += 1) {
      const index = this.#history.runs.length + run;
      await this.#between(index, { ...calm, gap: run === 0 ? calm.gap : 0 });
      const result = await this.#runOnce(index, calm);
      this.#checkNothingSentTwice(before);
      if (result === undefined) return;
      const settled = run > 0 && this.#sendsOfRun.length === 0;
      before = result;
      if (settled) break;
    }
    if (before !== undefined) this.#checkSettled(before);
    this.#throwIfViolated();
  }

  /** A tenant that ended well gets no write in the next run, where nothing has changed. */
  #checkNothingSentTwice(before: RunResult | undefined): void {
    for (const tenant of before?.tenants ?? []) {
      const ref = refOf(tenant);
      if (tenant.outcome === "succeeded" && ref !== undefined && this.#sendsOfRun.includes(ref))
        this.#check("aSecondRunSendsNothing", `${tenant.tenant} had ended well, and was written to again`);
    }
    this.#throwIfViolated();
  }

  #checkSettled(result: RunResult): void {
    for (const tenant of result.tenants) {
      const ref = refOf(tenant);
      this.#count(
        `at last: ${tenant.action} ${tenant.outcome}${tenant.error === undefined ? "" : ` ${tenant.error.code}`}`,
      );
      if (tenant.outcome === "planned") {
        const told = result.warnings.some((warning) => warning.code === "SOURCE_STOPPED");
        if (!told) this.#check("everyTenantSettlesOrIsTold", `${tenant.tenant} stays planned, and nothing says why`);
      }
      if (tenant.action === "unchanged" && ref !== undefined) this.#checkOneTask(tenant, ref);
    }
  }

  /** The log's copy is there, and no other task of this tenant that nobody told of. */
  #checkOneTask(tenant: TenantResult, ref: TenantRef): void {
    const copy = tenant.newTaskId === undefined ? undefined : this.#server.task(parsedTask(tenant.newTaskId));
    const { list } = this.#history.server;
    if (copy?.alive !== true && (list === "full" || list === "cached"))
      this.#check("logAndServerAgree", `${tenant.tenant} is unchanged, and its copy is not on the server`);
    // Where lists that looked whole hid one of its tasks, another was made for good reason.
    if (this.#server.tasks.some((task) => task.by?.ref === ref && task.omittedAt.length >= 2)) return;
    const others = this.#server
      .alive()
      .filter((task) => task !== copy && task.by?.ref === ref && !task.by.excused && !task.by.brokeWord)
      .filter((task) => !this.#durable.explains(task.id) && tenant.error === undefined);
    // A person who makes the same task meanwhile is one of the three things that no client can prevent.
    if (others.length > 0 && copy?.kind === "copy")
      this.#check("logAndServerAgree", `${tenant.tenant} is unchanged, and has another task ${others[0]?.id}`);
  }
}

function parsedTask(text: string): TrueTask["id"] {
  const id = parseTaskId(text);
  if (id === undefined) throw new Error(`no task ID: ${text}`);
  return id;
}

function refOf(result: TenantResult): TenantRef | undefined {
  const source = result.sourceTaskId === undefined ? undefined : parseTaskId(result.sourceTaskId);
  return source === undefined ? undefined : tenantRef(source, foldTenantKey(result.tenant));
}

function clockOf(scheduler: Scheduler, owner: Owner): SyncDepsClock {
  // Wall clocks lie: this one runs backwards, which must decide nothing.
  return {
    now: () => new Date(Date.UTC(2026, 0, 1) - scheduler.now * 1000),
    monotonic: () => scheduler.now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const end = (): void => {
          cancel();
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const cancel = scheduler.after(Math.max(0, ms), owner, end);
        signal?.addEventListener("abort", end);
      }),
  };
}

type SyncDepsClock = Parameters<Core["runSync"]>[1]["clock"];

function shortEntry(entry: LoggedEntry["entry"]): string {
  switch (entry.type) {
    case "create-intent":
      return `create-intent ${entry.key} "${entry.name}" attempt ${entry.attempt} before ${entry.before?.length ?? "unknown"}`;
    case "create-outcome":
      return `create-outcome ${entry.outcome} ${entry.newTaskId ?? entry.code ?? ""}`;
    case "settled":
      return `settled ${entry.found} ${entry.newTaskId ?? ""}`;
    case "patch-intent":
      return `patch-intent ${entry.key} ${entry.reportId.slice(-4)}`;
    case "patch-outcome":
      return `patch-outcome ${entry.outcome}`;
    case "observed":
      return `observed ${entry.key}${entry.verified ? ", verified" : ""}`;
    case "adopted":
      return `adopted ${entry.key} ${entry.newTaskId} by ${entry.by}`;
    default:
      return "key" in entry ? `${entry.type} ${entry.key}` : entry.type;
  }
}

function describeRun(plan: RunPlan): string {
  const rows = plan.rows.map(
    (row) =>
      `${row.tenant}>app${row.app}@${row.source}${row.enabled ? "" : " off"}${row.named ? " named" : ""}${row.newTaskId === "none" ? "" : ` newTaskId:${row.newTaskId}`} "${row.template}"`,
  );
  const options = (["adopt", "recreate", "verify", "newLog", "shareApps", "allowUnmapped", "blind"] as const).filter(
    (flag) => plan[flag],
  );
  const limits = plan.limit === undefined ? "" : ` --limit ${plan.limit}`;
  const only = plan.only.length === 0 ? "" : ` --only ${plan.only.join(",")}`;
  return `${rows.join("; ")} | concurrency ${plan.concurrency}, retries ${plan.retries}, ${plan.reportId} IDs${limits}${only} ${options.join(" ")}`;
}

function reportsOf({ reports, secondRow }: History, source: number): readonly ReportId[] {
  const ids = Array.from({ length: reports }, (_, number) => reportId(source * 10 + number));
  return secondRow ? [...ids, ...ids.slice(0, 1)] : ids;
}
