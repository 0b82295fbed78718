import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { ListedTask, TaskReport } from "../shared/tasks.js";
import type { Clock } from "../shared/time.js";
import { apiRoot } from "./address.js";
import { type HttpClient, openClient, type QalyptusApiSettings } from "./client.js";
import type { Reading, SendAttempt, TaskReader, TaskWriter } from "./ports.js";
import { type ReadRoute, readToEnd, ServerReads } from "./reads.js";
import { classifyWrite, type ReadAnswer } from "./replies.js";
import {
  activeTriggersOf,
  createBody,
  patchBody,
  recipientsOf,
  reportRowOf,
  reportsOf,
  rowsOf,
  type SeenRow,
  taskDetailsOf,
  taskOf,
  totalNamed,
} from "./wire.js";

/** Opens a server. No request is sent yet. Throws a StopError (exit 2) for a proxy that cannot be used. */
export function createQalyptusApi(settings: QalyptusApiSettings) {
  const client = openClient(settings);
  const reads = new ServerReads(client, settings);
  return { reader: readerOf(reads, settings.clock), writer: writerOf(client), close: client.close };
}

/** No server's page is shorter than ten rows, unless it is the last. */
const SHORTEST_PAGE = 10;

function readerOf(reads: ServerReads, clock: Clock): TaskReader {
  const readingOf = <T>(what: string, answer: ReadAnswer, open: (body: unknown) => T | undefined): Reading<T> => {
    const value = answer.kind === "json" ? open(answer.value) : undefined;
    if (value !== undefined) {
      reads.recognise();
      return { kind: "read", value };
    }
    const problem = about(what, answer.problem);
    if (answer.kind === "missing" && answer.status === 404) return { kind: "absent", problem };
    return { kind: "unreadable", forbidden: answer.kind === "forbidden", problem };
  };

  /** What belongs to a task: everything at once, and without the query where the server refuses that. */
  const readAll = async <T>(route: ReadRoute, id: TaskId, open: (body: unknown) => T | undefined) => {
    const path = `/tasks/${id}/${route}`;
    const answer = await reads.read({ route, path: `${path}?get_all=true` });
    const last = answer.kind === "rejected" ? await reads.read({ route, path }) : answer;
    return readingOf(`the ${route} of the task ${id}`, last, open);
  };

  return {
    async listTasks(options) {
      const keyOf = ({ id }: ListedTask) => id;
      const request = { route: "list", path: "/tasks", ...options, parse: taskOf, keyOf, wholeBelow: 0 } as const;
      const list = await readToEnd(reads, request, clock);
      if (list.kind === "none") {
        const { kind, problem } = list.answer;
        return { kind: "none", forbidden: kind === "forbidden", problem: about("the task list", problem) };
      }
      const { rows: tasks, problem } = list;
      if (problem === undefined) return { kind: "read", tasks };
      return { kind: "partial", tasks, problem: about("the task list was not read to its end", problem) };
    },

    async readTask(id) {
      const answer = await reads.read({ route: "task", path: `/tasks/${id}` });
      return readingOf(`the task ${id}`, answer, (body) => taskDetailsOf(body, id));
    },

    async readReports(id) {
      const what = `the reports of the task ${id}`;
      const path = `/tasks/${id}/reports`;
      const keyOf = ({ rowId }: SeenRow) => rowId;
      const request = { route: "reports", path, parse: reportRowOf, keyOf, wholeBelow: SHORTEST_PAGE } as const;
      const list = await readToEnd(reads, request, clock);
      if (list.kind === "rows") {
        if (list.problem === undefined) return { kind: "read", value: reportsOf(list.rows) };
        // A report that is left out would show the master's figures: some of them are none of them.
        return { kind: "unreadable", forbidden: false, problem: about(what, list.problem) };
      }
      return readingOf<readonly TaskReport[]>(what, list.answer, () => undefined);
    },

    readTriggers: (id) =>
      readAll("triggers", id, (body) => {
        const rows = rowsOf(body);
        const active = rows && activeTriggersOf(rows);
        // One that was not shown may be active.
        return active?.length === 0 && (rows?.length ?? 0) < totalNamed(body) ? undefined : active;
      }),

    readRecipients: (id) => readAll("recipients", id, recipientsOf),
  };
}

function about(what: string, problem: Problem): Problem {
  return { ...problem, message: `${what}: ${problem.message}` };
}

/** An answer to a write is an ID and a flag. */
const MOST_BYTES_OF_A_WRITE = 1024 * 1024;

function writerOf(client: HttpClient): TaskWriter {
  const root = apiRoot(client.server, "v2");
  /** One attempt; never a second one. */
  const attempt =
    (method: "POST" | "PATCH", path: string, body: string, sourceTaskId?: TaskId): SendAttempt =>
    async ({ idempotencyKey, signal, mayStart }) => {
      const maxBytes = MOST_BYTES_OF_A_WRITE;
      const request = { method, path: root + path, body, idempotencyKey, maxBytes, signal, mayStart };
      return classifyWrite(await client.exchange(request), sourceTaskId, client);
    };
  return {
    turn: client.turn,
    createCopy: (create) =>
      attempt("POST", `/tasks/${create.sourceTaskId}/duplicate`, createBody(create), create.sourceTaskId),
    patchReport: (patch) =>
      attempt("PATCH", `/tasks/${patch.taskId}/reports/${encodeURIComponent(patch.rowId)}`, patchBody(patch)),
  };
}
