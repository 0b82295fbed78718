import type {
  CreateRequest,
  PatchRequest,
  TaskReader,
  TaskWriter,
  WriteCall,
  WriteReply,
} from "../../src/server/ports.js";
import {
  foldName,
  foldTenantKey,
  type ReportId,
  type RowId,
  type TaskId,
  type TenantRef,
  tenantRef,
} from "../../src/shared/ids.js";
import type { Problem, StopError } from "../../src/shared/problems.js";
import type { AppSwap, ListedTask } from "../../src/shared/tasks.js";
import type { ServerProfile } from "./history.js";
import { guid, rowId, taskId } from "./identifiers.js";
import type { Random } from "./random.js";
import type { Owner, Scheduler } from "./scheduler.js";
import { givenName, keepsNames } from "./server-names.js";
import { type Looks, ServerReader } from "./server-reader.js";

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
  /** Whose it is: its maker's, until a person says otherwise. */
  owner: TenantRef | undefined;
  /** From when on a list that is late shows it. */
  readonly listedFrom: number;
  alive: boolean;
  deletedByPerson: boolean;
  /** Its mappings may differ from what the log can know: a person, or a server that broke its word, changed them. */
  tainted: boolean;
  /** When lists left it out that held the source task and all logged copies. */
  readonly leftOutAt: number[];
  /** When such lists did so that had shown a copy as well: absence may be believed of them. */
  readonly omittedAt: number[];
  /** When every row of it was last shown with its mappings. */
  shownWholeAt: number | undefined;
}

/** One request, from its send on. */
export interface SentWrite {
  readonly write: string;
  /** Whose it is; another one once its source task has another ID. */
  ref: TenantRef | undefined;
  /** The process that sent it. */
  readonly client: Owner;
  readonly body: CreateRequest | PatchRequest;
  readonly sentAt: number;
  /** When the client gave it up; `undefined` while it waits, or where an answer decided it. */
  gaveUpAt: number | undefined;
  /** When the log of a client that was waiting still was taken over. */
  overtakenAt: number | undefined;
  /** A PATCH in doubt that the server showed as carried out when the next one was sent. */
  wasShownAsDone: boolean;
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
  readonly shortAnswers: number;
  readonly blind: boolean;
}

/** One client process as the server knows it. */
export interface Connection {
  readonly client: Owner;
  readonly weather: Weather;
  /** Called right before a request goes out. `handedOver`: whether the run was halted when its process began to send it. */
  readonly beforeSend: (sent: SentWrite, of: Sending) => void;
  /** A stop-class answer was given: nothing may be sent after it. */
  readonly onStop: () => void;
  readonly isHalted: () => boolean;
  /** After a second signal no answer is waited for any more. */
  readonly isGivenUp: () => boolean;
  /** What this process was shown. */
  readonly looks: Looks;
  inFlight: number;
}

export interface Sending {
  readonly kind: "create" | "patch";
  readonly inFlight: number;
  readonly haltedBefore: boolean;
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
  readonly count: (what: string) => void;
  /** The error class of the core under test. */
  readonly stop: (problem: Problem) => StopError;
  /** Copies that the log holds, each with the name that it has for it. */
  readonly loggedCopies: () => readonly { readonly id: TaskId; readonly sourceTaskId: TaskId; readonly name: string }[];
  readonly refOfWrite: (write: string) => TenantRef | undefined;
}

/** A request that is to go out, and what it does on the server. */
interface Outgoing {
  readonly kind: "create" | "patch";
  readonly body: CreateRequest | PatchRequest;
  readonly work: (sent: SentWrite) => Result;
}

type Tell = (reply: WriteReply) => void;

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
  | "crossed"
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

interface CachedList {
  readonly at: number;
  readonly tasks: readonly ListedTask[];
}

const CACHED_MS = 3000;

const SERVER: Owner = { name: "server" };

export const trouble = (code: string): Problem => ({ code, message: code.toLowerCase(), hint: "wait" });

/** Holds the truth about all tasks, and answers as badly as its profile and the run's weather say. */
export class ServerModel {
  readonly tasks: TrueTask[] = [];
  readonly sent: SentWrite[] = [];
  #nextId = 1;
  #nextRow = 1;
  /** A create whose answer a proxy holds back until the next one comes, and gives to that one. */
  #held: { readonly sent: SentWrite; readonly reply: () => WriteReply; readonly tell: Tell } | undefined;
  #cache: CachedList | undefined;
  readonly #answered = new Map<string, TrueTask>();
  readonly #world: ServerWorld;

  constructor(world: ServerWorld) {
    this.#world = world;
  }

  /** A new client process. */
  connect(connection: Connection): { readonly reader: TaskReader; readonly writer: TaskWriter } {
    return { reader: new ServerReader(this, this.#world, connection), writer: this.#writer(connection) };
  }

  /** The client died: what it waited for it has given up now; an honest server works no later than it promised. */
  disconnect(client: Owner): void {
    for (const write of this.sent) {
      if (write.told !== "waiting" || write.client !== client) continue;
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

  /** Whether the server lists the reports of tasks. */
  get listsRowsOnce(): boolean {
    return this.#world.profile.listsRowsOnce;
  }

  get listsReports(): boolean {
    return this.#world.profile.hasReportsRoute;
  }

  /** Whether a copy that is not listed answers by its ID, or nobody can say. */
  get answersByIds(): boolean {
    return this.#world.profile.copies !== "unseen";
  }

  get hidesAnything(): boolean {
    const { copies, mappings, list, hasReportsRoute, listsRowsOnce } = this.#world.profile;
    return copies !== "seen" || mappings !== "all" || list !== "full" || !hasReportsRoute || listsRowsOnce;
  }

  /** The list that a cache gives out for some time, to whoever does not ask past it. */
  cached(now: CachedList, fresh: boolean): readonly ListedTask[] {
    if (!fresh && this.#cache !== undefined && now.at - this.#cache.at < CACHED_MS) return this.#cache.tasks;
    this.#cache = now;
    return now.tasks;
  }

  /** When a tenant's first create was sent. */
  firstSendOf(ref: TenantRef | undefined): number {
    return this.sent.find((sent) => sent.ref === ref && "name" in sent.body)?.sentAt ?? Number.POSITIVE_INFINITY;
  }

  addReport(task: TrueTask, id: ReportId): void {
    task.reports.push({ rowId: rowId(this.#nextRow++), reportId: id, swaps: [] });
  }

  /** Moved to another server: every task has a new ID and its old name. Without `sources` their IDs were kept. */
  migrate(withSources: boolean): ReadonlyMap<TrueTask, TrueTask> {
    const moved = new Map<TrueTask, TrueTask>();
    for (const task of this.alive()) {
      if (task.kind === "source" && !withSources) continue;
      const made: TrueTask = {
        ...task,
        id: taskId(this.#nextId++),
        reports: task.reports.map((report) => ({ ...report, rowId: rowId(this.#nextRow++) })),
        leftOutAt: [],
        omittedAt: [],
        shownWholeAt: undefined,
      };
      task.alive = false;
      task.deletedByPerson = true;
      task.by?.tasks.push(made);
      this.tasks.push(made);
      moved.set(task, made);
    }
    for (const [from, to] of moved) if (from.kind === "source") this.#move(from.id, to.id);
    return moved;
  }

  /** What belonged to a source task belongs to its new ID. */
  #move(from: TaskId, to: TaskId): void {
    const movedRef = (ref: TenantRef | undefined): TenantRef | undefined =>
      ref?.startsWith(`${from} `) ? tenantRef(to, foldTenantKey(ref.slice(from.length + 1))) : ref;
    for (const sent of this.sent) sent.ref = movedRef(sent.ref);
    for (const task of this.tasks) task.owner = movedRef(task.owner);
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
      owner: task.by?.ref,
      listedFrom: this.#listedFrom(task.kind),
      alive: true,
      deletedByPerson: false,
      tainted: task.kind === "foreign",
      leftOutAt: [],
      omittedAt: [],
      shownWholeAt: undefined,
    };
    this.tasks.push(made);
    return made;
  }

  #listedFrom(kind: TrueTask["kind"]): number {
    const { profile, random, scheduler, settleMs } = this.#world;
    if (profile.list !== "late" || kind === "source") return scheduler.now;
    return scheduler.now + Math.floor(random.fraction() * settleMs * (profile.breaksItsWord ? 3 : 0.9));
  }

  // Writing.

  #writer(connection: Connection): TaskWriter {
    const send = (of: Outgoing, call: WriteCall): Promise<WriteReply> => this.#sendWhenConnected(connection, of, call);
    return {
      createCopy: (body) => (call) =>
        send({ kind: "create", body, work: (sent) => this.#create(body, call, sent) }, call),
      patchReport: (body) => (call) => send({ kind: "patch", body, work: (sent) => this.#patch(body, sent) }, call),
    };
  }

  /** A request may wait for a connection; the last look comes after that. */
  async #sendWhenConnected(connection: Connection, of: Outgoing, call: WriteCall): Promise<WriteReply> {
    const { scheduler, random } = this.#world;
    const haltedBefore = connection.isHalted();
    const wait = random.pick([0, 0, 0, 1, 10]);
    if (wait > 0) await new Promise<void>((resolve) => scheduler.after(wait, connection.client, resolve));
    if (call.signal.aborted || !call.mayStart())
      return { kind: "not-sent", refusedConnection: false, problem: trouble("NOT_SENT") };
    return this.#send(connection, { ...of, haltedBefore }, call);
  }

  #send(
    connection: Connection,
    of: Outgoing & { readonly haltedBefore: boolean },
    call: WriteCall,
  ): Promise<WriteReply> {
    const { scheduler, random, note } = this.#world;
    const { kind, body, work } = of;
    const sent: SentWrite = {
      write: call.write,
      ref: this.#world.refOfWrite(call.write),
      client: connection.client,
      body,
      sentAt: scheduler.now,
      gaveUpAt: undefined,
      told: "waiting",
      pending: 0,
      tasks: [],
      brokeWord: false,
      vanished: false,
      excused: false,
      overtakenAt: undefined,
      wasShownAsDone: false,
    };
    connection.inFlight += 1;
    connection.beforeSend(sent, { kind, inFlight: connection.inFlight, haltedBefore: of.haltedBefore });
    this.sent.push(sent);
    const fate = this.#fateOf(kind, connection.weather);
    note(`send ${kind} ${"name" in body ? `"${body.name}"` : `of ${body.taskId.slice(-4)}`}: ${fate}`);
    let resolveReply: (reply: WriteReply) => void = () => {};
    const promise = new Promise<WriteReply>((resolve) => {
      resolveReply = resolve;
    });
    const tell: Tell = (replied) => {
      if (sent.told !== "waiting") return;
      connection.inFlight -= 1;
      this.#noteTold(sent, replied);
      note(`answer to ${kind}: ${replied.kind}`);
      if (replied.kind === "stop") connection.onStop();
      resolveReply(replied);
    };
    const giveUp = (): void => {
      if (sent.told !== "waiting") return;
      connection.inFlight -= 1;
      this.#giveUp(sent);
      resolveReply({ kind: "in-doubt", answered: false, problem: trouble("GIVEN_UP") });
    };
    call.signal.addEventListener("abort", giveUp);
    void promise.then(() => call.signal.removeEventListener("abort", giveUp));
    const arrives = random.pick([0, 0, 1, 2, 5, 20]);
    const returns = random.pick([1, 1, 2, 3, 5, 40]);
    this.#applyPlan({ fate, sent, work, tell, arrives, returns });
    return promise;
  }

  #applyPlan(of: {
    readonly fate: Fate;
    readonly sent: SentWrite;
    readonly work: (sent: SentWrite) => Result;
    readonly tell: Tell;
    readonly arrives: number;
    readonly returns: number;
  }) {
    const { fate, sent, work, tell, arrives, returns } = of;
    const { random, scheduler, settleMs, timeoutMs } = this.#world;
    const answer = (delay: number, reply: () => WriteReply): void => {
      scheduler.after(delay, sent.client, () => tell(reply()));
    };
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
        scheduler.after(arrives + returns, sent.client, () => this.#tellOrCross(sent, honestly, tell));
        return;
      case "crossed":
        works(arrives);
        scheduler.after(arrives + returns, sent.client, () => this.#tellOrCross(sent, honestly, tell, { holds: true }));
        // Nobody else asked meanwhile.
        return answer(timeoutMs, honestly);
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

  /** Two creates that are in flight at the same time may get each other's answer. */
  #tellOrCross(sent: SentWrite, reply: () => WriteReply, tell: Tell, so = { holds: false }): void {
    const held = this.#held;
    const canCross = held !== undefined && held.sent.told === "waiting" && held.sent.client === sent.client;
    if ("name" in sent.body && canCross && sent.told === "waiting") {
      this.#held = undefined;
      this.#world.note("a proxy crosses two answers");
      this.#world.count("fault: answers crossed");
      // Where no list tells whose task it is, no client can see it.
      const { copies, list, names } = this.#world.profile;
      const isTold = copies === "seen" && list !== "missing" && list !== "forbidden" && keepsNames(names);
      for (const one of [sent, held.sent]) one.excused ||= !isTold;
      const [mine, other] = [reply(), held.reply()];
      held.tell(mine);
      tell(other);
    } else if (so.holds) this.#held = { sent, reply, tell };
    else tell(reply());
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
    const others = this.#world
      .loggedCopies()
      .map(({ id }) => id)
      .filter((id) => !own.has(id));
    if (others.length > 0 && this.#world.random.chance(0.6)) return this.#world.random.pick(others);
    return "sourceTaskId" in sent.body ? sent.body.sourceTaskId : undefined;
  }

  #fateOf(kind: "create" | "patch", { writeFaults }: Weather): Fate {
    const { random, profile, fault } = this.#world;
    if (profile.breaksItsWord && fault(`${kind} by a server that breaks its word`, writeFaults * 0.3))
      return random.pick<Fate>(["too-late", "twice"]);
    if (kind === "create" && profile.crossesAnswers && fault("create, its answer held back", 0.5)) return "crossed";
    if (!fault(kind, writeFaults)) return "ok";
    return random.weighted<Fate>({
      ok: 0,
      "not-sent": 8,
      "connection-refused": 4,
      "slow-down": 8,
      // A copy with two rows of one report then has one that is mapped and one that is not.
      refused: kind === "patch" ? 16 : 7,
      forbidden: 4,
      "conflict-409": kind === "create" ? 5 : 0,
      "lost-before": 12,
      "lost-after": 18,
      late: 12,
      crossed: 0,
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
    const taken = this.alive().some((task) => foldName(task.name) === foldName(request.name));
    const named = givenName(profile.names, request.name, { taken, number: this.#nextId });
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
}

/** A new, never used GUID for whoever asks (intents, keys). */
export function uuidsOf(random: Random): () => string {
  let next = random.between(1, 1_000_000) * 1000;
  return () => guid(0x1d, next++);
}
