import type { CreateIntentRecord, PatchIntentRecord } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import type { Interruption } from "../../src/run/abort.js";
import type { SyncRequest } from "../../src/run/sync.js";
import {
  foldTenantKey,
  parseTaskId,
  type ReportId,
  type TaskId,
  type TenantRef,
  tenantRef,
} from "../../src/shared/ids.js";
import type { RunEvent, RunResult, TenantResult } from "../../src/shared/results.js";
import type { Core } from "./core.js";
import { APPS, type Freeze, type History, type Row, type RunPlan } from "./history.js";
import { appId, reportId } from "./identifiers.js";
import * as invariants from "./invariants.js";
import { LEASE_MS, type LoggedEntry, LogModel, type OpenLog } from "./log-model.js";
import { manifestOf } from "./manifest-model.js";
import { act } from "./person.js";
import { mixedSeed, Random } from "./random.js";
import { drainMicrotasks, type Owner, Scheduler } from "./scheduler.js";
import { type Sending, type SentWrite, ServerModel, type TrueTask, uuidsOf } from "./server-model.js";
import { describeRun, shortEntry } from "./story.js";

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

/** One run of the program, from its start to its end or death. */
interface Process extends invariants.Observer {
  readonly index: number;
  readonly kind: "sync" | "rehearsal";
  readonly client: Owner;
  /** `undefined`: a dry run. */
  readonly log: OpenLog | undefined;
  readonly stop: AbortController;
  readonly immediate: AbortController;
  /** A signal came, or an answer that ends the run. */
  halted: boolean;
  readonly sends: TenantRef[];
  ended: { readonly result: RunResult | undefined } | undefined;
  /** When what stands still goes on. */
  goesOnAt: number | undefined;
  /** The log as it was when somebody else took it over. */
  lostWith: LogState | undefined;
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
  /** A process whose log was taken over, and that goes on some day. */
  #pending: Process | undefined;
  #lastSends: readonly TenantRef[] = [];
  readonly #held = new Map<TenantRef, { readonly since: number; readonly by: "run" | "person" }>();
  #manifestNames: ReadonlyMap<TenantRef, string> = new Map();
  /** Tenants of whom a run has seen that a PATCH did nothing. */
  readonly #withoutEffect = new Set<TenantRef>();
  #violation: Violation | undefined;

  constructor(history: History, core: Core) {
    this.#history = history;
    this.#core = core;
    this.#without = new Set(history.without);
    this.#random = new Random(mixedSeed(history.seed, 2));
    this.#uuid = uuidsOf(this.#random);
    this.#scheduler = new Scheduler(this.#random);
    this.#log = new LogModel({
      place: history.seed % 2 === 0 ? "file" : "database",
      scheduler: this.#scheduler,
      random: this.#random,
      broken: (code) => new core.StopError(6, { code, message: code.toLowerCase(), hint: "look at the log" }),
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
      count: (what) => this.#count(what),
      stop: (problem) => new core.StopError(5, problem),
      loggedCopies: () =>
        [...this.#durable.tenants()].flatMap(({ copy, sourceTaskId }) =>
          copy === undefined || copy.gone ? [] : [{ id: copy.newTaskId, sourceTaskId, name: copy.name }],
        ),
      refOfWrite: (write) => {
        const intent = this.#intents.get(write);
        return intent === undefined ? undefined : tenantRef(intent.sourceTaskId, intent.key);
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
    this.#noteHolder(entry);
    this.#check("logKnowsMappingsRightly", invariants.logKnowsMappingsRightly(this.#evidence()));
    // A server that gives one copy the name that another was sent with leads any look-up astray.
    if (!this.#cutsNames) this.#check("doubtsFindTheirOwn", invariants.doubtsFindTheirOwn(this.#evidence(), entry));
    // A rename adopts under the new key first and forgets the old one in the same breath.
    const isRename = entry.type === "adopted" && entry.by === "resolve";
    if (!isRename) this.#check("noTaskIsHeldByTwo", invariants.noTaskIsHeldByTwo(this.#evidence()));
  }

  #noteHolder(entry: LoggedEntry["entry"]): void {
    const since = this.#scheduler.now;
    if (entry.type === "adopted")
      this.#held.set(tenantRef(entry.sourceTaskId, entry.key), {
        since,
        by: entry.by === "resolve" ? "person" : "run",
      });
    const isMade = (entry.type === "create-outcome" || entry.type === "settled") && entry.newTaskId !== undefined;
    const intent = isMade ? this.#intents.get(entry.write) : undefined;
    if (intent !== undefined) this.#held.set(tenantRef(intent.sourceTaskId, intent.key), { since, by: "run" });
  }

  get #cutsNames(): boolean {
    return this.#history.server.names === "cut" || this.#history.server.names === "cut-at-14";
  }

  /** The log as the next process reads it. */
  #reread(): void {
    if (!this.#logChanged) return;
    this.#durable = this.#folded();
    this.#written = this.#folded();
    this.#logChanged = false;
  }

  #folded(): LogState {
    const state = new LogState();
    for (const { entry, run } of this.#log.records) state.apply(entry, run);
    return state;
  }

  // Evidence.

  /** A process whose log was taken over knows the log as it was then. */
  #evidence(process?: Process): invariants.Evidence {
    const plan = process?.plan ?? this.#run?.plan;
    const { server } = this.#history;
    const modesUsed = new Set(this.#history.runs.map((run) => run.reportId));
    return {
      now: this.#scheduler.now,
      settleMs: this.#history.settleMs,
      timeoutMs: this.#history.timeoutMs,
      server: this.#server,
      durable: process?.lostWith ?? this.#durable,
      written: process?.lostWith ?? this.#written,
      durableIntents: this.#durableIntents,
      sharedApps: new Set(plan?.shareApps === true ? Array.from({ length: APPS }, (_, index) => appId(index)) : []),
      mappingsHonest: server.patchWorks && [...modesUsed].every((mode) => this.#server.takesReportIds(mode)),
      held: this.#held,
      manifestNames: this.#manifestNames,
    };
  }

  #beforeSend(process: Process, sent: SentWrite, { kind, inFlight, haltedBefore }: Sending): void {
    const evidence = this.#evidence(process);
    this.#count(`sent: ${kind}`);
    if (sent.ref !== undefined) process.sends.push(sent.ref);
    this.#check("nothingIsSentWithoutTheLock", invariants.nothingIsSentWithoutTheLock(process.log));
    this.#check("intentIsDurableBeforeTheSend", invariants.intentIsDurableBeforeTheSend(evidence, sent));
    this.#check("sendIsWhatItsIntentSays", invariants.sendIsWhatItsIntentSays(evidence, sent));
    const { concurrency } = process.plan;
    this.#check("writesInFlightStayBelow", invariants.writesInFlightStayBelow(concurrency, inFlight));
    this.#check("noCreateWhileOneMayBeAlive", invariants.noCreateWhileOneMayBeAlive(evidence, sent));
    this.#check("noNameIsSentForTwo", invariants.noNameIsSentForTwo(evidence, sent));
    this.#check("noAppIsInForceForTwoKeys", invariants.noAppIsInForceForTwoKeys(evidence, sent));
    this.#check("noPatchPastADoubt", invariants.noPatchPastADoubt(evidence, sent));
    if (!this.#cutsNames)
      this.#check("noPatchOfACrossedTask", invariants.noPatchOfACrossedTask(evidence, sent, process.looks));
    this.#check("nothingIsCreatedBesideALostLog", invariants.nothingIsCreatedBesideALostLog(evidence, process, sent));
    if (haltedBefore) this.#check("nothingIsSentAfterAHalt", `a ${kind} was sent after the run was halted`);
  }

  // Runs.

  async #between(index: number, plan: RunPlan): Promise<void> {
    await this.#pass(plan.gap);
    this.#takeOver();
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
      if (one.kind === "lose-log") for (const sent of this.#server.sent) this.#forget(sent);
      // What nobody remembers and the server does not show, no client can know.
      const forgets = one.kind === "lose-log" || one.kind === "resolve-forget";
      const { mappings, hasReportsRoute } = this.#history.server;
      if (forgets && (mappings !== "all" || !hasReportsRoute))
        for (const task of this.#server.tasks) task.tainted = true;
      this.#reread();
    }
  }

  /** With its log a write is forgotten; one that is still to come changes what nobody expects. */
  #forget(sent: SentWrite): void {
    sent.excused = true;
    const task = "rowId" in sent.body && sent.pending > 0 ? this.#server.task(sent.body.taskId) : undefined;
    if (task !== undefined) task.tainted = true;
  }

  /** Lets time go by, for the server and for what is still under way. */
  async #pass(ms: number): Promise<void> {
    if (this.#pending === undefined) return this.#scheduler.pass(ms);
    const until = this.#scheduler.now + ms;
    while (this.#scheduler.step(until)) await drainMicrotasks();
    this.#scheduler.pass(until - this.#scheduler.now);
  }

  /** Somebody else takes over the log of a process that stands still. */
  #takeOver(): void {
    const pending = this.#pending;
    if (pending?.log === undefined || pending.lostWith !== undefined) return;
    this.#log.release(pending.log);
    this.#logChanged = true;
    this.#reread();
    pending.lostWith = this.#folded();
    // The next owner waits from here on: it cannot know how long the other one would have.
    for (const sent of this.#server.sent)
      if (sent.client === pending.client && sent.told === "waiting") sent.overtakenAt = this.#scheduler.now;
    pending.goesOnAt = this.#scheduler.now + (pending.plan.freeze?.ms ?? 0);
    this.#count("taken over");
    this.#note("its log is taken over");
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
    // Where a server cuts names, that of one tenant's task may be any other's.
    const twinsBefore = invariants
      .twinsOnServer(this.#evidence())
      .filter(({ ref, task }) => !this.#cutsNames || (task.by?.ref === ref && !task.by.excused));
    const process = await this.#drive(index, plan, "sync");
    const result = process.ended?.result;
    this.#count(`run: ${result === undefined ? "no result" : `exit ${result.exitCode}`}`);
    for (const tenant of result?.tenants ?? []) this.#count(`result: ${tenant.action} ${tenant.outcome}`);
    if (result !== undefined) this.#judge(process, result, twinsBefore);
    this.#throwIfViolated();
    return result;
  }

  #judge(process: Process, result: RunResult, twinsBefore: Parameters<typeof invariants.twinsAreTold>[2]): void {
    const { plan } = process;
    const evidence = this.#evidence();
    for (const tenant of result.tenants) {
      this.#checkWhatIsTold(process, tenant);
      const ref = refOf(tenant);
      // What a list showed right before the server ended the run, the next one tells.
      if (ref !== undefined && !this.#cutsNames && result.exitCode !== 5)
        this.#check("crossedTasksAreTold", invariants.crossedTasksAreTold(evidence, process, tenant, ref));
    }
    const { list, copies } = this.#history.server;
    const readsWell = list === "full" && copies === "seen" && plan.readFaults === 0 && !plan.blind;
    if (readsWell) this.#check("twinsAreTold", invariants.twinsAreTold(evidence, result, twinsBefore));
    this.#check("poorListsAreTold", invariants.poorListsAreTold(evidence, process, result));
    this.#judgeEnd(process, result);
  }

  /** What holds for every end, also for that of a process whose log was taken over. */
  #judgeEnd(process: Process, result: RunResult): void {
    const bad = result.errors.find((error) => error.code === "DEFECT");
    if (bad !== undefined) this.#check("noDefect", bad.message);
    if (result.exitCode === 0)
      for (const tenant of result.tenants)
        if (tenant.outcome === "failed" || tenant.outcome === "in-doubt")
          this.#check("exitCodeTells", `exit 0 with ${tenant.tenant} ${tenant.outcome}`);
    this.#check("troubleNamesAWayOut", invariants.troubleNamesAWayOut(result));
    this.#check("aLostLockEndsTheRun", invariants.aLostLockEndsTheRun(process.log, result));
    this.#checkDoubtsAreTold(process, result);
  }

  /** A tenant whose write went in doubt in this run, and is so still, is told in doubt (or as failed, with why). */
  #checkDoubtsAreTold(process: Process, result: RunResult): void {
    const durable = process.lostWith ?? this.#durable;
    for (const sent of this.#server.sent) {
      const state = sent.ref === undefined ? undefined : durable.tenant(sent.ref);
      if (sent.client !== process.client || sent.told !== "unknown" || !("name" in sent.body)) continue;
      if (!state?.openCreates.some((intent) => intent.write === sent.write)) continue;
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
    await this.#drive(index, { ...plan, crashAt: undefined, signalAt: undefined, freeze: undefined }, "rehearsal");
    this.#count("dry run");
    const still = this.#log.records.length === records && this.#server.sent.length === sent && this.#truth() === truth;
    // What was in flight before may arrive while it runs.
    const mayArrive = ({ told, brokeWord }: SentWrite): boolean =>
      told === "unknown" || told === "waiting" || brokeWord;
    if (!still && !this.#server.sent.some(mayArrive))
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

  /** One process, from its start to its end, its death, or until somebody else takes its log over. */
  async #drive(index: number, plan: RunPlan, kind: Process["kind"]): Promise<Process> {
    const process = this.#start(index, plan, kind);
    const end = await this.#steps(process);
    if (end === "overtaken") {
      this.#pending = process;
      await this.#pass(LEASE_MS);
      return process;
    }
    if (end === "killed") this.#count("crash");
    this.#close(process);
    if (kind === "sync") await this.#finishPending();
    return process;
  }

  #start(index: number, plan: RunPlan, kind: Process["kind"]): Process {
    const client: Owner = { name: `run ${index}` };
    const request = this.#request(index, plan, kind);
    const known = [...this.#durable.tenants()];
    const process: Process = {
      index,
      plan,
      kind,
      client,
      log:
        kind === "sync"
          ? this.#log.open(request.runId, { name: `disk of run ${index}` }, plan.logBreaksAt ?? 0)
          : undefined,
      stop: new AbortController(),
      immediate: new AbortController(),
      looks: { lists: [], copies: new Map(), read: new Set() },
      knownSources: new Set(known.map(({ sourceTaskId }) => sourceTaskId)),
      knownCopies: known.flatMap(({ copy }) => (copy === undefined || copy.gone ? [] : copy.newTaskId)),
      halted: false,
      sends: [],
      ended: undefined,
      goesOnAt: undefined,
      lostWith: undefined,
    };
    const { reader, writer } = this.#server.connect({
      client,
      weather: plan,
      looks: process.looks,
      inFlight: 0,
      isHalted: () => process.halted,
      isGivenUp: () => process.immediate.signal.aborted,
      onStop: () => {
        process.halted = true;
      },
      beforeSend: (sent, sending) => this.#beforeSend(process, sent, sending),
    });
    const clock = clockOf(this.#scheduler, client);
    const emit = (event: RunEvent): void => this.#onEvent(event, process);
    const { stop, immediate, log } = process;
    const interruption: Interruption = { requested: stop.signal, immediate: immediate.signal, signal: () => "SIGINT" };
    const running =
      log === undefined
        ? this.#core
            .dryRunSync(request, { reader, clock, emit, head: null, interruption })
            .then((rehearsal) => rehearsal.result)
        : this.#core.runSync(request, {
            reader,
            writer,
            log,
            clock,
            chance: { fraction: () => this.#random.fraction(), uuid: this.#uuid },
            emit,
            interruption,
          });
    running.then(
      (result) => {
        process.ended = { result };
      },
      (error: unknown) => {
        process.ended = { result: undefined };
        this.#onThrown(error, process);
      },
    );
    return process;
  }

  /** A process is no more. */
  #close(process: Process): void {
    this.#scheduler.drop(process.client);
    this.#server.disconnect(process.client);
    if (process.log !== undefined) {
      this.#scheduler.drop(process.log.disk);
      this.#log.release(process.log);
    }
    this.#lastSends = process.sends;
    this.#reread();
  }

  async #steps(process: Process): Promise<"ended" | "killed" | "overtaken"> {
    const { plan, stop, immediate, log } = process;
    for (let step = 0; ; step += 1) {
      await drainMicrotasks();
      // By now the process has heard of it.
      if (log?.isBroken === true) process.halted = true;
      this.#throwIfViolated();
      if (process.ended !== undefined) return "ended";
      if (plan.crashAt === step) {
        this.#note("the process is killed");
        return "killed";
      }
      if (plan.signalAt === step) {
        this.#note("SIGINT");
        stop.abort();
        process.halted = true;
        continue;
      }
      if (plan.secondSignalAt === step) {
        this.#note("SIGINT again");
        immediate.abort();
        continue;
      }
      if (plan.freeze?.at === step && this.#freeze(process, plan.freeze)) return "overtaken";
      if (this.#pending !== undefined) this.#goOnWhenDue(this.#pending);
      this.#goOnWhenDue(process);
      if (step > MOST_STEPS) throw new Violated({ invariant: "aRunEnds", message: `no end after ${MOST_STEPS} steps` });
      this.#stepOf(process);
    }
  }

  #stepOf(process: Process): void {
    if (this.#scheduler.step(process.goesOnAt)) return;
    if (process.goesOnAt === undefined)
      throw new Violated({ invariant: "aRunEnds", message: "the run waits, and nothing is to come" });
    this.#scheduler.pass(process.goesOnAt - this.#scheduler.now);
  }

  /** Stops a process, or the disk under its log. Whether somebody else takes the log over then. */
  #freeze(process: Process, freeze: Freeze): boolean {
    if (process.log === undefined || (freeze.overtaken && this.#pending !== undefined)) return false;
    this.#note(`the ${freeze.what} stands still`);
    this.#count(`frozen: ${freeze.what}`);
    process.log.hang();
    if (freeze.what === "process") this.#scheduler.freeze(process.client);
    if (!freeze.overtaken) process.goesOnAt = this.#scheduler.now + freeze.ms;
    return freeze.overtaken;
  }

  #goOnWhenDue(process: Process): void {
    if (process.goesOnAt === undefined || process.goesOnAt > this.#scheduler.now) return;
    this.#note(`run ${process.index} goes on`);
    process.goesOnAt = undefined;
    process.log?.goOn();
    this.#scheduler.thaw(process.client);
  }

  /** A process whose log was taken over goes on at the latest when the run that came after it has ended. */
  async #finishPending(): Promise<void> {
    const pending = this.#pending;
    if (pending?.lostWith === undefined) return;
    pending.goesOnAt &&= this.#scheduler.now;
    this.#goOnWhenDue(pending);
    for (let step = 0; pending.ended === undefined; step += 1) {
      await drainMicrotasks();
      this.#throwIfViolated();
      if (pending.ended === undefined && (step > MOST_STEPS || !this.#scheduler.step()))
        throw new Violated({ invariant: "aRunEnds", message: "a process whose log was taken over does not end" });
    }
    this.#pending = undefined;
    const sends = this.#lastSends;
    this.#close(pending);
    this.#lastSends = sends;
    if (pending.ended.result !== undefined) this.#judgeEnd(pending, pending.ended.result);
    this.#throwIfViolated();
  }

  #onThrown(error: unknown, process: Process): void {
    if (error instanceof this.#core.StopError) {
      this.#count(`stopped before the first write: exit ${error.exitCode}`);
      this.#note(`ends with exit ${error.exitCode}: ${error.problems.map((problem) => problem.code).join(", ")}`);
      if (process.sends.length > 0)
        this.#check("aStopErrorMeansNothingSent", `runSync threw (${error.message}) after something was sent`);
      return;
    }
    this.#check("noDefect", error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #onEvent(event: RunEvent, process: Process): void {
    if (event.kind === "warning") this.#count(`warning: ${event.problem.code}`);
    if (event.kind !== "tenant") return;
    const { result } = event;
    this.#note(
      `  told: ${result.tenant} ${result.action} ${result.outcome}${result.error === undefined ? "" : ` (${result.error.code})`}`,
    );
    if (process.kind === "rehearsal") return;
    if (result.error !== undefined) this.#count(`error: ${result.error.code}`);
    const evidence = this.#evidence(process);
    const ref = refOf(result);
    // What became of its last records a process cannot know whose log was taken over, or gave no answer any more.
    const isUnheard = process.lostWith !== undefined || process.log?.landedUnheard === true;
    const isUnsure = isUnheard && result.outcome === "in-doubt";
    if (ref !== undefined && !isUnsure)
      this.#check("outcomeIsDurableBeforeItIsTold", invariants.outcomeIsDurableBeforeItIsTold(evidence, result, ref));
    if (process.lostWith !== undefined) return;
    this.#check("successHasItsCopy", invariants.successHasItsCopy(evidence, result));
    this.#checkWhatIsTold(process, result);
    if (ref !== undefined) this.#checkBelief(result, ref, process);
  }

  #checkWhatIsTold(process: Process, result: TenantResult): void {
    const evidence = this.#evidence();
    const ref = refOf(result);
    this.#check("verifiedIsTrue", invariants.verifiedIsTrue(evidence, result));
    this.#check("verifiedWasSeen", invariants.verifiedWasSeen(evidence, result));
    this.#check("verifyReads", invariants.verifyReads(evidence, process, result));
    if (ref !== undefined) this.#check("successIsMapped", invariants.successIsMapped(evidence, result, ref));
  }

  /** A server that was seen to take a PATCH and do nothing is not believed for its answer again. */
  #checkBelief(result: TenantResult, ref: TenantRef, process: Process): void {
    if (result.error?.code === "PATCH_NO_EFFECT") this.#withoutEffect.add(ref);
    if (!this.#withoutEffect.has(ref) || result.action !== "update" || result.outcome !== "succeeded") return;
    const look = result.newTaskId === undefined ? undefined : process.looks.copies.get(parsedTask(result.newTaskId));
    if (look === "unread")
      this.#check("noBeliefAfterNoEffect", `${result.tenant}: an update succeeded unread, after one without effect`);
    else this.#withoutEffect.delete(ref);
  }

  #request(index: number, plan: RunPlan, kind: Process["kind"]): SyncRequest {
    const state = new this.#core.LogState();
    for (const { entry, run } of this.#log.records) state.apply(entry, run);
    this.#manifestNames = this.#namesOf(plan.rows);
    const manifest = manifestOf(
      { rows: plan.rows, sources: this.#sources, typed: this.#history.server.reportIds },
      (row, source) => {
        if (row.newTaskId === "none") return undefined;
        const ref = tenantRef(source.id, foldTenantKey(row.tenant));
        const name = this.#nameOf(row.tenant, plan.rows);
        const foreign = this.#server.alive().find((task) => task.kind === "foreign" && task.name === name);
        if (row.newTaskId === "foreign") return foreign?.id;
        if (row.newTaskId === "own") return this.#taskOf(ref);
        const next = plan.rows[plan.rows.indexOf(row) + 1];
        const nextSource = next === undefined ? undefined : this.#sources[next.source];
        return next && nextSource && this.#taskOf(tenantRef(nextSource.id, foldTenantKey(next.tenant)));
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

  /** The copy that the log has for a tenant, else the one that is its own. */
  #taskOf(ref: TenantRef): TaskId | undefined {
    return this.#durable.tenant(ref)?.copy?.newTaskId ?? this.#server.alive().find((task) => task.owner === ref)?.id;
  }

  #namesOf(rows: readonly Row[]): ReadonlyMap<TenantRef, string> {
    const names = new Map<TenantRef, string>();
    for (const row of rows) {
      const source = this.#sources[row.source];
      const name = row.enabled ? this.#nameOf(row.tenant, rows) : undefined;
      if (source !== undefined && name !== undefined) names.set(tenantRef(source.id, foldTenantKey(row.tenant)), name);
    }
    return names;
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
      shortAnswers: 0,
      blind: false,
      newLog: true,
      rehearsed: false,
      crashAt: undefined,
      signalAt: undefined,
      secondSignalAt: undefined,
      logBreaksAt: undefined,
      freeze: undefined,
    };
    let before: RunResult | undefined;
    for (let run = 0; run < CALM_RUNS; run += 1) {
      const index = this.#history.runs.length + run;
      await this.#between(index, { ...calm, gap: run === 0 ? calm.gap : 0 });
      const result = await this.#runOnce(index, calm);
      this.#checkNothingSentTwice(before);
      if (result === undefined) return;
      const settled = run > 0 && this.#lastSends.length === 0;
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
      if (tenant.outcome === "succeeded" && ref !== undefined && this.#lastSends.includes(ref))
        this.#check("aSecondRunSendsNothing", `${tenant.tenant} had ended well, and was written to again`);
    }
    this.#throwIfViolated();
  }

  #checkSettled(result: RunResult): void {
    // A moved server has the same tenant under two source tasks: the warning says which one it means.
    const doubt = result.warnings.find(({ code, message, tenant }) =>
      result.tenants.some(
        (one) =>
          code === "DOUBT" &&
          message.includes("a PATCH") &&
          one.verified &&
          one.tenant === tenant &&
          message.includes(one.sourceTaskId ?? "no task"),
      ),
    );
    if (doubt !== undefined) this.#check("noDoubtOfWhatIsVerified", `${doubt.tenant} is verified and in doubt`);
    for (const tenant of result.tenants) {
      const ref = refOf(tenant);
      this.#count(
        `at last: ${tenant.action} ${tenant.outcome}${tenant.error === undefined ? "" : ` ${tenant.error.code}`}`,
      );
      if (tenant.outcome === "planned") {
        const told = result.warnings.some((warning) => warning.code === "SOURCE_STOPPED");
        if (!told) this.#check("everyTenantSettlesOrIsTold", `${tenant.tenant} stays planned, and nothing says why`);
      }
      if (tenant.action === "unchanged" && ref !== undefined) this.#checkOneTask(tenant, ref, result);
    }
  }

  /** The log's copy is there, and no other task of this tenant that nobody told of. */
  #checkOneTask(tenant: TenantResult, ref: TenantRef, result: RunResult): void {
    const copy = tenant.newTaskId === undefined ? undefined : this.#server.task(parsedTask(tenant.newTaskId));
    const { list } = this.#history.server;
    if (copy?.alive !== true && (list === "full" || list === "cached"))
      this.#check("logAndServerAgree", `${tenant.tenant} is unchanged, and its copy is not on the server`);
    // Where lists that looked whole hid one of its tasks, another was made for good reason.
    if (this.#server.tasks.some((task) => task.by?.ref === ref && task.omittedAt.length >= 2)) return;
    const others = this.#server
      .alive()
      .filter((task) => task !== copy && task.by?.ref === ref && !task.by.excused && !task.by.brokeWord)
      .filter((task) => !this.#durable.explains(task.id) && tenant.error === undefined)
      // Told of somebody else: on a server that cuts names nobody can say whose it is.
      .filter(({ id }) => !result.tenants.some(({ error }) => error?.code === "TWIN" && error.message.includes(id)));
    // A person who makes the same task meanwhile is one of the things that no client can prevent; without a list nobody sees them.
    if (others.length > 0 && copy?.kind === "copy" && (copy.alive || list === "full" || list === "cached"))
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

function reportsOf({ reports, secondRow }: History, source: number): readonly ReportId[] {
  const ids = Array.from({ length: reports }, (_, number) => reportId(source * 10 + number));
  return secondRow ? [...ids, ...ids.slice(0, 1)] : ids;
}
