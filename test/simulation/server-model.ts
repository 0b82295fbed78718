import type {
  CreateRequest,
  ListReading,
  PatchRequest,
  Reading,
  TaskReader,
  TaskWriter,
  WriteCall,
} from "../../src/app/ports.js";
import type { WriteReply } from "../../src/domain/answer.js";
import type { Problem, StopError } from "../../src/domain/errors.js";
import { foldName, type ReportId, type RowId, type TaskId, type TenantRef } from "../../src/domain/ids.js";
import type { AppSwap } from "../../src/domain/mapping.js";
import type { ListedTask, TaskReport } from "../../src/domain/source-task.js";
import type { ServerProfile } from "./history.js";
import { guid, rowId, taskId } from "./identifiers.js";
import type { Random } from "./random.js";
import type { Owner, Scheduler } from "./scheduler.js";

/** One report of a task, as the server really has it. */
export interface TrueReport {
  readonly rowId: RowId;
  readonly reportId: ReportId;
  swaps: readonly AppSwap[];
}

/** One task, as the server really has it. */
export interface TrueTask {
  readonly id: TaskId;
  name: string;
  readonly kind: "source" | "copy" | "foreign";
  readonly reports: TrueReport[];
  readonly bornAt: number;
  /** The request that made it. */
  readonly by: SentWrite | undefined;
  alive: boolean;
  deletedByPerson: boolean;
  /** Its mappings may differ from what the log can know: a person, or a server that broke its word, changed them. */
  tainted: boolean;
  /** When complete lists left it out, though they looked whole. */
  readonly omittedAt: number[];
}

/** One request, from its send on. */
export interface SentWrite {
  readonly write: string;
  readonly ref: TenantRef | undefined;
  readonly body: CreateRequest | PatchRequest;
  readonly sentAt: number;
  /** When the client gave it up; `undefined` while it waits, or where an answer decided it. */
  gaveUpAt: number | undefined;
  /** What the client was told for certain. */
  told: "waiting" | "nothing-done" | "done" | "unknown";
  /** Works that are still to come, as promised. */
  pending: number;
  readonly tasks: TrueTask[];
  /** Carried out too late, or twice. */
  brokeWord: boolean;
  /** Lost on its way, with the client that sent it. */
  vanished: boolean;
  /** A person has decided about it (`resolve`): what it may still do is theirs to bear. */
  excused: boolean;
}

/** How often this run's network and server go wrong. */
export interface Weather {
  readonly writeFaults: number;
  readonly readFaults: number;
  readonly blind: boolean;
}

export interface ServerWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly profile: ServerProfile;
  readonly settleMs: number;
  readonly timeoutMs: number;
  /** Whether this fault, numbered in order, may happen (shrinking takes faults away). */
  readonly fault: (label: string, probability: number) => boolean;
  readonly note: (text: string) => void;
  /** The error class of the core under test. */
  readonly stop: (problem: Problem) => StopError;
  /** Copies that the log holds. */
  readonly loggedCopies: () => readonly TaskId[];
  readonly refOfWrite: (write: string) => TenantRef | undefined;
  readonly beforeSend: (sent: SentWrite, kind: "create" | "patch", inFlight: number) => void;
  /** A stop-class answer was given: nothing may be sent after it. */
  readonly onStop: () => void;
}

type Fate =
  | "ok"
  | "not-sent"
  | "connection-refused"
  | "slow-down"
  | "refused"
  | "forbidden"
  | "conflict-409"
  | "lost-before"
  | "lost-after"
  | "late"
  | "5xx-worked"
  | "5xx-not-worked"
  | "no-id"
  | "strange-id"
  | "unauthorized"
  | "login-page"
  | "too-late"
  | "twice";

interface Result {
  readonly kind: "done" | "refused";
  readonly task?: TrueTask | undefined;
  readonly httpStatus: number;
}

const SERVER: Owner = { name: "server" };

const trouble = (code: string): Problem => ({ code, message: code.toLowerCase(), hint: "wait" });

/** Holds the truth about all tasks, and answers as badly as its profile and the run's weather say. */
export class ServerModel {
  readonly tasks: TrueTask[] = [];
  readonly sent: SentWrite[] = [];
  #weather: Weather = { writeFaults: 0, readFaults: 0, blind: false };
  #client: Owner = { name: "nobody" };
  #inFlight = 0;
  #nextId = 1;
  #nextRow = 1;
  #cache: { readonly at: number; readonly tasks: readonly ListedTask[] } | undefined;
  readonly #answered = new Map<string, TrueTask>();
  readonly #world: ServerWorld;

  constructor(world: ServerWorld) {
    this.#world = world;
  }

  /** A new client process. */
  connect(client: Owner, weather: Weather): { readonly reader: TaskReader; readonly writer: TaskWriter } {
    this.#client = client;
    this.#weather = weather;
    this.#inFlight = 0;
    return { reader: this.#reader(), writer: this.#writer() };
  }

  /** The client died: what it waited for it has given up now; an honest server works no later than it promised. */
  disconnect(): void {
    for (const write of this.sent) {
      if (write.told !== "waiting") continue;
      this.#giveUp(write);
      // What has not arrived when its client dies may never arrive.
      write.vanished = this.#world.random.chance(0.3);
    }
  }

  add(kind: "source" | "foreign", name: string, reports: readonly ReportId[]): TrueTask {
    return this.#put({ kind, name, reports: reports.map((id) => ({ reportId: id, swaps: [] })), by: undefined });
  }

  task(id: TaskId): TrueTask | undefined {
    return this.tasks.find((task) => task.id === id);
  }

  alive(): readonly TrueTask[] {
    return this.tasks.filter((task) => task.alive);
  }

  /** When a tenant's first create was sent. */
  firstSendOf(ref: TenantRef | undefined): number {
    return this.sent.find((sent) => sent.ref === ref && "name" in sent.body)?.sentAt ?? Number.POSITIVE_INFINITY;
  }

  addReport(task: TrueTask, id: ReportId): void {
    task.reports.push({ rowId: rowId(this.#nextRow++), reportId: id, swaps: [] });
  }

  /** Whether a body that names reports in this way changes what it should. */
  takesReportIds(mode: "row" | "report"): boolean {
    return this.#world.profile.reportIds === "both" || this.#world.profile.reportIds === mode;
  }

  #put(task: {
    readonly kind: TrueTask["kind"];
    readonly name: string;
    readonly reports: readonly { readonly reportId: ReportId; readonly swaps: readonly AppSwap[] }[];
    readonly by: SentWrite | undefined;
  }): TrueTask {
    const made: TrueTask = {
      id: taskId(this.#nextId++),
      name: task.name,
      kind: task.kind,
      reports: task.reports.map((report) => ({ ...report, rowId: rowId(this.#nextRow++) })),
      bornAt: this.#world.scheduler.now,
      by: task.by,
      alive: true,
      deletedByPerson: false,
      tainted: task.kind === "foreign",
      omittedAt: [],
    };
    this.tasks.push(made);
    return made;
  }

  // Writing.

  #writer(): TaskWriter {
    return {
      createCopy: (request) => (call) =>
        this.#send("create", request, call, (sent) => this.#create(request, call, sent)),
      patchReport: (request) => (call) => this.#send("patch", request, call, (sent) => this.#patch(request, sent)),
    };
  }

  #send(
    kind: "create" | "patch",
    body: CreateRequest | PatchRequest,
    call: WriteCall,
    work: (sent: SentWrite) => Result,
  ): Promise<WriteReply> {
    const { scheduler, random, note } = this.#world;
    if (!call.mayStart())
      return Promise.resolve({ kind: "not-sent", refusedConnection: false, problem: trouble("NOT_SENT") });
    const sent: SentWrite = {
      write: call.write,
      ref: this.#world.refOfWrite(call.write),
      body,
      sentAt: scheduler.now,
      gaveUpAt: undefined,
      told: "waiting",
      pending: 0,
      tasks: [],
      brokeWord: false,
      vanished: false,
      excused: false,
    };
    this.#inFlight += 1;
    this.#world.beforeSend(sent, kind, this.#inFlight);
    this.sent.push(sent);
    const fate = this.#fateOf(kind);
    note(`send ${kind} ${"name" in body ? `"${body.name}"` : `of ${body.taskId.slice(-4)}`}: ${fate}`);
    let resolveReply: (reply: WriteReply) => void = () => {};
    const promise = new Promise<WriteReply>((resolve) => {
      resolveReply = resolve;
    });
    const client = this.#client;
    const answer = (delay: number, reply: () => WriteReply): void => {
      scheduler.after(delay, client, () => {
        if (sent.told !== "waiting") return;
        this.#inFlight -= 1;
        const replied = reply();
        this.#noteTold(sent, replied);
        note(`answer to ${kind}: ${replied.kind}`);
        if (replied.kind === "stop") this.#world.onStop();
        resolveReply(replied);
      });
    };
    const giveUp = (): void => {
      if (sent.told !== "waiting") return;
      this.#inFlight -= 1;
      this.#giveUp(sent);
      resolveReply({ kind: "in-doubt", answered: false, problem: trouble("GIVEN_UP") });
    };
    call.signal.addEventListener("abort", giveUp);
    void promise.then(() => call.signal.removeEventListener("abort", giveUp));
    const arrives = random.pick([0, 0, 1, 2, 5, 20]);
    const returns = random.pick([1, 1, 2, 3, 5, 40]);
    this.#carryOut({ fate, sent, work, answer, arrives, returns });
    return promise;
  }

  #carryOut(of: {
    readonly fate: Fate;
    readonly sent: SentWrite;
    readonly work: (sent: SentWrite) => Result;
    readonly answer: (delay: number, reply: () => WriteReply) => void;
    readonly arrives: number;
    readonly returns: number;
  }) {
    const { fate, sent, work, answer, arrives, returns } = of;
    const { random, settleMs, timeoutMs } = this.#world;
    const lostAt = random.chance(0.5) ? timeoutMs : arrives + returns + 1;
    const inDoubt = (httpStatus?: number): WriteReply => ({
      kind: "in-doubt",
      answered: httpStatus !== undefined,
      ...(httpStatus === undefined ? {} : { httpStatus }),
      problem: trouble(httpStatus === undefined ? "NO_ANSWER" : "SERVER_ERROR"),
    });
    const refuse = (httpStatus: number) => (): WriteReply => ({
      kind: "refused",
      httpStatus,
      problem: trouble(`HTTP_${httpStatus}`),
    });
    let result: Result | undefined;
    const works = (delay: number, broken = false): void =>
      this.#workLater(sent, { delay, broken }, () => {
        const done = work(sent);
        result ??= done;
      });
    const honestly = (): WriteReply => this.#replyOf(result);
    switch (fate) {
      case "ok":
        works(arrives);
        return answer(arrives + returns, honestly);
      case "not-sent":
      case "connection-refused":
        return answer(returns, () => ({
          kind: "not-sent",
          refusedConnection: fate === "connection-refused",
          problem: trouble("NOT_SENT"),
        }));
      case "slow-down":
        return answer(returns, () => ({
          kind: "slow-down",
          retryAfterMs: random.pick([undefined, 0, 10, 300, 5000]),
          problem: trouble("HTTP_429"),
        }));
      case "refused":
        return answer(returns, refuse(400));
      case "forbidden":
        return answer(returns, refuse(403));
      case "conflict-409":
        return answer(returns, refuse(409));
      case "lost-before":
        return answer(lostAt, () => inDoubt());
      case "lost-after":
        works(arrives);
        return answer(lostAt, () => inDoubt());
      case "late":
        works(lostAt + Math.floor(random.fraction() * settleMs * 0.95));
        return answer(lostAt, () => inDoubt());
      case "5xx-worked":
        works(arrives);
        return answer(arrives + returns, () => inDoubt(502));
      case "5xx-not-worked":
        return answer(returns, () => inDoubt(503));
      case "no-id":
        works(arrives);
        return answer(arrives + returns, () =>
          result?.kind === "done" ? { kind: "succeeded", taskId: undefined, httpStatus: 200 } : honestly(),
        );
      case "strange-id":
        works(arrives);
        return answer(arrives + returns, () =>
          result?.kind === "done" ? { kind: "succeeded", taskId: this.#strangeId(sent), httpStatus: 200 } : honestly(),
        );
      case "unauthorized":
        return answer(returns, () => ({ kind: "stop", inDoubt: false, httpStatus: 401, problem: trouble("HTTP_401") }));
      case "login-page":
        if (random.chance(0.5)) works(arrives);
        return answer(arrives + returns, () => ({
          kind: "stop",
          inDoubt: true,
          httpStatus: 200,
          problem: trouble("LOGIN_PAGE"),
        }));
      case "too-late":
        works(lostAt + settleMs * 2 + Math.floor(random.fraction() * settleMs * 6), true);
        return answer(lostAt, () => inDoubt());
      case "twice":
        works(arrives);
        works(arrives + Math.floor(random.fraction() * settleMs * 3), true);
        return random.chance(0.5) ? answer(arrives + returns, honestly) : answer(lostAt, () => inDoubt());
      default:
        fate satisfies never;
    }
  }

  /** A piece of work that comes whatever becomes of the client; when it does not come later than promised is seen to here. */
  #workLater(sent: SentWrite, at: { readonly delay: number; readonly broken: boolean }, work: () => void): void {
    const { scheduler, settleMs, note } = this.#world;
    if (!at.broken) sent.pending += 1;
    const attempt = (): void => {
      // Given up earlier than foreseen (a crash, a drain): the promise counts from then.
      const latest = sent.gaveUpAt === undefined ? Number.POSITIVE_INFINITY : sent.gaveUpAt + settleMs * 0.95;
      if (!at.broken) sent.pending -= 1;
      if (!at.broken && (sent.vanished || scheduler.now > latest)) return;
      if (at.broken) sent.brokeWord = true;
      work();
      note(
        `the server carries out ${"name" in sent.body ? `"${sent.body.name}"` : "a PATCH"}${at.broken ? " (breaking its word)" : ""}`,
      );
    };
    scheduler.after(at.delay, SERVER, attempt);
  }

  #giveUp(sent: SentWrite): void {
    sent.told = "unknown";
    sent.gaveUpAt = this.#world.scheduler.now;
  }

  #noteTold(sent: SentWrite, reply: WriteReply): void {
    switch (reply.kind) {
      case "succeeded":
        if (reply.taskId === undefined && "name" in sent.body) this.#giveUp(sent);
        else if ("name" in sent.body && !sent.tasks.some((task) => task.id === reply.taskId)) this.#giveUp(sent);
        else sent.told = "done";
        return;
      case "refused":
      case "slow-down":
      case "not-sent":
        sent.told = "nothing-done";
        return;
      case "in-doubt":
        this.#giveUp(sent);
        return;
      case "stop":
        if (reply.inDoubt) this.#giveUp(sent);
        else sent.told = "nothing-done";
        return;
      default:
        reply satisfies never;
    }
  }

  #replyOf(result: Result | undefined): WriteReply {
    if (result === undefined) return { kind: "in-doubt", answered: false, problem: trouble("NO_ANSWER") };
    if (result.kind === "refused")
      return { kind: "refused", httpStatus: result.httpStatus, problem: trouble(`HTTP_${result.httpStatus}`) };
    return { kind: "succeeded", taskId: result.task?.id, httpStatus: 201 };
  }

  #strangeId(sent: SentWrite): TaskId | undefined {
    const own = new Set(
      this.sent.filter((other) => other.ref === sent.ref).flatMap((other) => other.tasks.map((t) => t.id)),
    );
    const others = this.#world.loggedCopies().filter((id) => !own.has(id));
    if (others.length > 0 && this.#world.random.chance(0.6)) return this.#world.random.pick(others);
    return "sourceTaskId" in sent.body ? sent.body.sourceTaskId : undefined;
  }

  #fateOf(kind: "create" | "patch"): Fate {
    const { random, profile, fault } = this.#world;
    const { writeFaults } = this.#weather;
    if (profile.breaksItsWord && fault(`${kind} by a server that breaks its word`, writeFaults * 0.3))
      return random.pick<Fate>(["too-late", "twice"]);
    if (!fault(kind, writeFaults)) return "ok";
    return random.weighted<Fate>({
      ok: 0,
      "not-sent": 8,
      "connection-refused": 4,
      "slow-down": 8,
      refused: 7,
      forbidden: 4,
      "conflict-409": kind === "create" ? 5 : 0,
      "lost-before": 12,
      "lost-after": 18,
      late: 12,
      "5xx-worked": 6,
      "5xx-not-worked": 5,
      "no-id": kind === "create" ? 5 : 0,
      "strange-id": kind === "create" ? 5 : 0,
      unauthorized: 2,
      "login-page": 2,
      "too-late": 0,
      twice: 0,
    });
  }

  #create(request: CreateRequest, call: WriteCall, sent: SentWrite): Result {
    const { profile } = this.#world;
    const source = this.task(request.sourceTaskId);
    if (source === undefined || !source.alive) return { kind: "refused", httpStatus: 404 };
    const before = this.#answered.get(call.idempotencyKey);
    if (profile.honoursIdempotencyKey && before?.alive) {
      sent.tasks.push(before);
      return { kind: "done", task: before, httpStatus: 200 };
    }
    const named = this.#nameFor(request.name);
    if (named.kind === "refused") return named;
    const byRow = new Map(request.reports.map((report) => [report.reportId, report.apps]));
    const reports = source.reports.map((report) => {
      const apps =
        (this.takesReportIds("row") ? byRow.get(report.rowId) : undefined) ??
        (this.takesReportIds("report") ? byRow.get(report.reportId) : undefined);
      return { reportId: report.reportId, swaps: apps ?? [] };
    });
    const task = this.#put({ kind: "copy", name: named.name, reports, by: sent });
    sent.tasks.push(task);
    this.#answered.set(call.idempotencyKey, task);
    return { kind: "done", task, httpStatus: 201 };
  }

  #nameFor(
    name: string,
  ): { readonly kind: "name"; readonly name: string } | { readonly kind: "refused"; readonly httpStatus: number } {
    const given = (text: string) => ({ kind: "name", name: text }) as const;
    const taken = this.alive().some((task) => foldName(task.name) === foldName(name));
    switch (this.#world.profile.names) {
      case "as-sent":
        return given(name);
      case "refused-when-taken-409":
        return taken ? { kind: "refused", httpStatus: 409 } : given(name);
      case "refused-when-taken-400":
        return taken ? { kind: "refused", httpStatus: 400 } : given(name);
      case "suffix-when-taken":
        return given(taken ? `${name} (${this.#nextId})` : name);
      case "suffix-always":
        return given(`${name} - Copy`);
      case "upper-case":
        return given(name.toUpperCase());
      case "trims-and-collapses":
        return given(name.trim().replace(/\s+/g, " "));
      case "cut":
        return given(name.slice(0, 26));
      default:
        return this.#world.profile.names satisfies never;
    }
  }

  #patch(request: PatchRequest, sent: SentWrite): Result {
    const task = this.task(request.taskId);
    const report = task?.alive ? task.reports.find((row) => row.rowId === request.rowId) : undefined;
    if (task === undefined || report === undefined) return { kind: "refused", httpStatus: 404 };
    const takes =
      (request.reportId === report.rowId && this.takesReportIds("row")) ||
      (request.reportId === report.reportId && this.takesReportIds("report"));
    if (takes && this.#world.profile.patchWorks) report.swaps = request.apps;
    if (sent.brokeWord) task.tainted = true;
    return { kind: "done", httpStatus: 200 };
  }

  // Reading.

  #reader(): TaskReader {
    const { profile, fault } = this.#world;
    const absent = <T>(): Reading<T> => ({ kind: "absent", problem: trouble("HTTP_404") });
    const reading = <T>(label: string, has: boolean, read: () => Reading<T>): Promise<Reading<T>> => {
      if (!has) return this.#deliver(() => absent<T>());
      const broken = fault(label, this.#weather.readFaults);
      const stops = broken && fault(`${label} stops`, 0.06);
      if (stops) return this.#stopped();
      return this.#deliver(() =>
        broken ? { kind: "unreadable", forbidden: false, problem: trouble("HTTP_503") } : read(),
      );
    };
    return {
      listTasks: ({ fresh }) => this.#list(fresh),
      readTask: (id) =>
        reading("read task", profile.hasTaskRoute, () => {
          const task = this.#visible(id);
          if (task === undefined) return absent();
          return { kind: "read", value: { id, name: task.name, enabled: false, testMode: undefined } };
        }),
      readReports: (id) =>
        reading("read reports", profile.hasReportsRoute, () => {
          const task = this.#visible(id);
          return task === undefined
            ? absent()
            : { kind: "read", value: task.reports.map((report) => this.#shown(report)) };
        }),
      readTriggers: (id) =>
        reading("read triggers", true, () => (this.#visible(id) ? { kind: "read", value: [] } : absent())),
      readRecipients: (id) =>
        reading("read recipients", true, () => (this.#visible(id) ? { kind: "read", value: 0 } : absent())),
    };
  }

  #shown(report: TrueReport): TaskReport {
    const { rowId: row, reportId: id, swaps } = report;
    return this.#world.profile.showsMappings
      ? { rowId: row, reportId: id, mappings: swaps }
      : { rowId: row, reportId: id };
  }

  #visible(id: TaskId): TrueTask | undefined {
    const task = this.task(id);
    if (task === undefined || !task.alive) return undefined;
    return this.#weather.blind && task.kind !== "source" ? undefined : task;
  }

  /** Read at one moment, delivered at a later one. */
  #deliver<T>(read: () => T): Promise<T> {
    const { scheduler, random } = this.#world;
    const client = this.#client;
    return new Promise((resolve) => {
      scheduler.after(random.pick([0, 0, 1, 3]), client, () => {
        const value = read();
        scheduler.after(random.pick([0, 1, 10]), client, () => resolve(value));
      });
    });
  }

  #stopped(): Promise<never> {
    const { scheduler, random } = this.#world;
    return new Promise((_resolve, reject) => {
      scheduler.after(random.pick([0, 1, 3]), this.#client, () => {
        this.#world.note("a read stops the run (401)");
        this.#world.onStop();
        reject(this.#world.stop(trouble("HTTP_401")));
      });
    });
  }

  #list(fresh: boolean): Promise<ListReading> {
    const { profile, fault, random, note } = this.#world;
    if (profile.list === "missing" || profile.list === "forbidden")
      return this.#deliver(() => ({
        kind: "none",
        forbidden: profile.list === "forbidden",
        problem: trouble("NO_LIST"),
      }));
    const wrong = fault("list", this.#weather.readFaults)
      ? random.weighted({ none: 3, partial: 3, short: 5, stops: 1 })
      : "well";
    if (wrong !== "well") note(`the task list goes wrong: ${wrong}`);
    if (wrong === "stops") return this.#stopped();
    return this.#deliver((): ListReading => {
      if (wrong === "none") return { kind: "none", forbidden: false, problem: trouble("HTTP_503") };
      const seen = this.#listed(fresh);
      if (wrong === "partial")
        return {
          kind: "partial",
          tasks: seen.slice(0, random.between(0, seen.length)),
          problem: trouble("CUT_SHORT"),
        };
      const tasks = wrong === "short" ? seen.filter(() => random.chance(0.6)) : seen;
      this.#noteOmissions(tasks);
      return { kind: "read", tasks };
    });
  }

  #listed(fresh: boolean): readonly ListedTask[] {
    const { profile, scheduler } = this.#world;
    const now = this.alive()
      .filter((task) => this.#visible(task.id) !== undefined)
      .map(({ id, name }) => ({ id, name }));
    if (profile.list !== "cached") return now;
    if (!fresh && this.#cache !== undefined && scheduler.now - this.#cache.at < 3000) return this.#cache.tasks;
    this.#cache = { at: scheduler.now, tasks: now };
    return now;
  }

  /** A list that looks whole and leaves out a task that is there: no client can see that. It is judged for each source task. */
  #noteOmissions(tasks: readonly ListedTask[]): void {
    const listed = new Set(tasks.map((task) => task.id));
    const hasCopies = this.#world.loggedCopies().every((id) => this.task(id)?.alive !== true || listed.has(id));
    const sources = this.tasks.filter((task) => task.kind === "source" && listed.has(task.id));
    if (!hasCopies || sources.length === 0) return;
    for (const task of this.alive()) {
      const looksWhole = task.by?.ref === undefined || sources.some(({ id }) => task.by?.ref?.startsWith(`${id} `));
      if (looksWhole && !listed.has(task.id)) task.omittedAt.push(this.#world.scheduler.now);
    }
  }
}

/** A new, never used GUID for whoever asks (intents, keys). */
export function uuidsOf(random: Random): () => string {
  let next = random.between(1, 1_000_000) * 1000;
  return () => guid(0x1d, next++);
}
