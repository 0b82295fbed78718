import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { MailSettings, TaskReport } from "../shared/source-task.js";
import type { AnswerContext } from "./answer-problems.js";
import { HttpClient, type HttpClientSettings } from "./client.js";
import type {
  CreateRequest,
  ListOptions,
  ListReading,
  PatchRequest,
  Reading,
  SendAttempt,
  TaskDetails,
  TaskReader,
  TaskWriter,
  WriteCall,
} from "./ports.js";
import { type ReadRoute, ServerReads, type SoundAnswer } from "./reads.js";
import type { WriteReply } from "./reply.js";
import { readToEnd } from "./task-list.js";
import { apiRoot } from "./url.js";
import {
  activeTriggersOf,
  createBody,
  patchBody,
  recipientsOf,
  reportRowOf,
  reportsOf,
  rowsOf,
  taskDetailsOf,
  taskOf,
  totalNamed,
} from "./wire.js";
import { classifyWrite, type WriteKind } from "./write-answer.js";

export interface QalyptusApiSettings extends HttpClientSettings {
  /** Further tries of a read. */
  readonly retries: number;
}

/** The server as the use cases see it; one for each run. */
export interface QalyptusApi {
  readonly reader: TaskReader;
  readonly writer: TaskWriter;
  /** Gives up what is in flight and closes every connection. */
  close(): Promise<void>;
}

/** Opens a server. No request is sent yet. Throws a StopError (exit 2) for a proxy that cannot be used. */
export function createQalyptusApi(settings: QalyptusApiSettings): QalyptusApi {
  const client = new HttpClient(settings);
  const context: AnswerContext = {
    origin: settings.server.origin,
    proxyOrigin: client.proxyOrigin,
    redact: (text) => client.redact(text),
    now: () => settings.clock.now(),
  };
  const { retries, timeoutMs, clock, chance } = settings;
  const reads = new ServerReads({ client, context, retries, timeoutMs, clock, chance });
  return {
    reader: new QalyptusReader(reads, settings),
    writer: new QalyptusWriter(client, context),
    close: () => client.close(),
  };
}

/** No server's page is shorter than ten rows, unless it is the last. */
const SHORTEST_PAGE = 10;

class QalyptusReader implements TaskReader {
  readonly #reads: ServerReads;
  readonly #settings: QalyptusApiSettings;

  constructor(reads: ServerReads, settings: QalyptusApiSettings) {
    this.#reads = reads;
    this.#settings = settings;
  }

  async listTasks(options: ListOptions): Promise<ListReading> {
    const request = { route: "list" as const, path: "/tasks", ...options, parse: keyedTask, wholeBelow: 0 };
    const list = await readToEnd(this.#reads, request, this.#settings.clock);
    if (list.kind === "none")
      return {
        kind: "none",
        forbidden: list.answer.kind === "forbidden",
        problem: about("the task list", list.answer.problem),
      };
    if (list.problem === undefined) return { kind: "read", tasks: list.rows };
    return { kind: "partial", tasks: list.rows, problem: about("the task list was not read to its end", list.problem) };
  }

  async readTask(id: TaskId): Promise<Reading<TaskDetails>> {
    const answer = await this.#reads.read({ route: "task", path: `/tasks/${id}` });
    return this.#readingOf(answer, (body) => taskDetailsOf(body, id), `the task ${id}`);
  }

  async readReports(id: TaskId): Promise<Reading<readonly TaskReport[]>> {
    const what = `the reports of the task ${id}`;
    const path = `/tasks/${id}/reports`;
    const request = { route: "reports" as const, path, parse: keyedReportRow, wholeBelow: SHORTEST_PAGE };
    const list = await readToEnd(this.#reads, request, this.#settings.clock);
    if (list.kind === "rows") {
      // A report that is left out would show the master's figures: some of them are none of them.
      if (list.problem !== undefined) return unreadable(about(what, list.problem));
      return { kind: "read", value: reportsOf(list.rows) };
    }
    if (list.answer.kind !== "rejected")
      return this.#readingOf<readonly TaskReport[]>(list.answer, () => undefined, what);
    // A server that refuses every query may answer without one; ten rows and more may then be a first page.
    const plain = await this.#reads.read({ route: "reports", path });
    return this.#readingOf(plain, wholeReportsOf, what);
  }

  async readTriggers(id: TaskId): Promise<Reading<NonNullable<MailSettings["activeTriggers"]>>> {
    const triggersOf = (body: unknown) => {
      const rows = rowsOf(body);
      const active = rows && activeTriggersOf(rows);
      // One that was not shown may be active.
      return active?.length === 0 && (rows?.length ?? 0) < totalNamed(body) ? undefined : active;
    };
    const answer = await this.#readAtOnce("triggers", `/tasks/${id}/triggers`);
    return this.#readingOf(answer, triggersOf, `the triggers of the task ${id}`);
  }

  async readRecipients(id: TaskId): Promise<Reading<number>> {
    const answer = await this.#readAtOnce("recipients", `/tasks/${id}/recipients`);
    return this.#readingOf(answer, recipientsOf, `the recipients of the task ${id}`);
  }

  /** Everything at once, and without the query where the server refuses that. */
  async #readAtOnce(route: ReadRoute, path: string): Promise<SoundAnswer> {
    const answer = await this.#reads.read({ route, path: `${path}?get_all=true` });
    return answer.kind === "rejected" ? this.#reads.read({ route, path }) : answer;
  }

  #readingOf<T>(answer: SoundAnswer, open: (body: unknown) => T | undefined, what: string): Reading<T> {
    switch (answer.kind) {
      case "json": {
        const value = open(answer.value);
        if (value === undefined) return unreadable(about(what, { ...answer.stranger, code: "UNREADABLE" }));
        this.#reads.recognise();
        return { kind: "read", value };
      }
      case "missing": {
        const problem = about(what, answer.problem);
        return answer.status === 404 ? { kind: "absent", problem } : unreadable(problem);
      }
      case "forbidden":
        return { kind: "unreadable", forbidden: true, problem: about(what, answer.problem) };
      case "rejected":
      case "failing":
        return unreadable(about(what, answer.problem));
      default:
        return answer satisfies never;
    }
  }
}

function keyedTask(row: unknown) {
  const task = taskOf(row);
  return task && { key: task.id, value: task };
}

function keyedReportRow(row: unknown) {
  const seen = reportRowOf(row);
  return seen && { key: seen.rowId, value: seen };
}

function wholeReportsOf(body: unknown): readonly TaskReport[] | undefined {
  const rows = rowsOf(body);
  if (rows === undefined || rows.length >= SHORTEST_PAGE || rows.length < totalNamed(body)) return undefined;
  const seen = rows.map(reportRowOf);
  const readable = seen.filter((row) => row !== undefined);
  return readable.length === rows.length ? reportsOf(readable) : undefined;
}

function unreadable(problem: Problem): {
  readonly kind: "unreadable";
  readonly forbidden: false;
  readonly problem: Problem;
} {
  return { kind: "unreadable", forbidden: false, problem };
}

function about(what: string, problem: Problem): Problem {
  return { ...problem, message: `${what}: ${problem.message}` };
}

/** An answer to a write is an ID and a flag. */
const MOST_BYTES_OF_A_WRITE = 1024 * 1024;

interface ReadyWrite {
  readonly method: "POST" | "PATCH";
  readonly path: string;
  readonly body: string;
  readonly write: WriteKind;
}

class QalyptusWriter implements TaskWriter {
  readonly #client: HttpClient;
  readonly #context: AnswerContext;
  readonly #root: string;

  constructor(client: HttpClient, context: AnswerContext) {
    this.#client = client;
    this.#context = context;
    this.#root = apiRoot(client.server, "v2");
  }

  get turn(): TaskWriter["turn"] {
    return this.#client.turn;
  }

  createCopy(request: CreateRequest): SendAttempt {
    const path = `/tasks/${request.sourceTaskId}/duplicate`;
    const write: WriteKind = { kind: "create", sourceTaskId: request.sourceTaskId };
    return this.#ready({ method: "POST", path, body: createBody(request), write });
  }

  patchReport(request: PatchRequest): SendAttempt {
    const path = `/tasks/${request.taskId}/reports/${encodeURIComponent(request.rowId)}`;
    return this.#ready({ method: "PATCH", path, body: patchBody(request), write: { kind: "patch" } });
  }

  #ready(write: ReadyWrite): SendAttempt {
    const ready = { ...write, path: this.#root + write.path };
    return (call) => this.#send(ready, call);
  }

  /** One attempt; never a second one. */
  async #send(send: ReadyWrite, call: WriteCall): Promise<WriteReply> {
    const exchange = await this.#client.exchange({
      method: send.method,
      path: send.path,
      body: send.body,
      idempotencyKey: call.idempotencyKey,
      maxBytes: MOST_BYTES_OF_A_WRITE,
      signal: call.signal,
      hasTurn: true,
      mayStart: call.mayStart,
    });
    return classifyWrite(exchange, send.write, this.#context);
  }
}
