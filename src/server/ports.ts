import type { TaskId, WriteId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { AppSwap, ListedTask, MailSettings, TaskReport } from "../shared/tasks.js";

/**
 * The server's task list. `read`: to its end, every entry readable. `partial`: something was read, but not to its end.
 * `none`: the route is missing, forbidden or failing. Whether a list that was read is whole is judged by `plan/observe`.
 */
export type ListReading =
  | { readonly kind: "read"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "partial"; readonly tasks: readonly ListedTask[]; readonly problem: Problem }
  | { readonly kind: "none"; readonly forbidden: boolean; readonly problem: Problem };

/** One thing read by its ID. `absent`: 404 (which proves something only where the route is known to work). */
export type Reading<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "absent"; readonly problem: Problem }
  | { readonly kind: "unreadable"; readonly forbidden: boolean; readonly problem: Problem };

/** What `GET /tasks/{id}` tells. */
export interface TaskDetails {
  readonly id: TaskId;
  readonly name: string;
  readonly enabled: boolean | undefined;
  readonly testMode: boolean | undefined;
}

export interface ListOptions {
  /** With `Cache-Control: no-cache`. */
  readonly fresh: boolean;
  /** May be called, once: an answer showed that this server lists tasks; what else is wanted of it can go out while the list is read on. */
  readonly onRecognised?: () => void;
}

/**
 * Reads the server; has no way to write. Reads are retried inside (`--retries`). Throws a StopError (exit 5) where the whole
 * run must end: unreachable, key refused (401, 417), redirect, a web page, nothing that answers as this API does.
 */
export interface TaskReader {
  listTasks(options: ListOptions): Promise<ListReading>;
  readTask(id: TaskId): Promise<Reading<TaskDetails>>;
  readReports(id: TaskId): Promise<Reading<readonly TaskReport[]>>;
  readTriggers(id: TaskId): Promise<Reading<NonNullable<MailSettings["activeTriggers"]>>>;
  /** How many recipients the task has. */
  readRecipients(id: TaskId): Promise<Reading<number>>;
}

/** One create as it goes on the wire. `reportId` is the ID to send in the body. */
export interface CreateRequest {
  readonly sourceTaskId: TaskId;
  readonly name: string;
  readonly reports: readonly { readonly reportId: string; readonly apps: readonly AppSwap[] }[];
}

/** One PATCH as it goes on the wire. `rowId` is the path's, `reportId` the body's. */
export interface PatchRequest {
  readonly taskId: TaskId;
  readonly rowId: string;
  readonly reportId: string;
  readonly apps: readonly AppSwap[];
}

export interface WriteCall {
  readonly write: WriteId;
  readonly idempotencyKey: string;
  /** Aborted when a drain's time is over: the write is then in doubt. */
  readonly signal: AbortSignal;
  /**
   * The last look: asked once, right before the request's first byte goes out, after every wait (for a connection too). False:
   * nothing may be sent, and the reply is `not-sent`.
   */
  readonly mayStart: () => boolean;
}

/**
 * What is known after one write was handed to the network: what may be decided from an answer, and nothing finer.
 *
 * - `succeeded`: 2xx, success, and (for a create) an ID that can be read. Whether that ID is somebody else's is judged later.
 * - `refused`: the server certainly did nothing for this attempt (400, 403, 404, 405, 409, 413, 415, 422, or 2xx with
 *   `isSuccess: false`).
 * - `slow-down`: 429. Certainly nothing was done; wait, then the same request may go again.
 * - `not-sent`: it never left this machine (DNS, refused, TLS, connect timeout, a proxy's refusal). May go again.
 * - `in-doubt`: it was sent, or may have been, and no answer decides it (408, 425, 5xx, reset, hang-up, timeout, a body cut
 *   short, a 2xx without a readable ID).
 * - `stop`: the whole run must end (401, 417, 3xx, a 2xx with HTML). `inDoubt` says whether this write itself is in doubt.
 */
export type WriteReply =
  | { readonly kind: "succeeded"; readonly taskId: TaskId | undefined; readonly httpStatus: number }
  | { readonly kind: "refused"; readonly httpStatus: number; readonly problem: Problem }
  | { readonly kind: "slow-down"; readonly retryAfterMs: number | undefined; readonly problem: Problem }
  | { readonly kind: "not-sent"; readonly refusedConnection: boolean; readonly problem: Problem }
  | { readonly kind: "in-doubt"; readonly answered: boolean; readonly httpStatus?: number; readonly problem: Problem }
  | { readonly kind: "stop"; readonly inDoubt: boolean; readonly httpStatus?: number; readonly problem: Problem };

/** Sends one attempt; never retries, never throws for what an answer says (see {@link WriteReply}). */
export type SendAttempt = (call: WriteCall) => Promise<WriteReply>;

/** Makes writes ready: their text is there before their turn comes, so that an attempt follows its intent's flush at once. */
export interface TaskWriter {
  createCopy(request: CreateRequest): SendAttempt;
  patchReport(request: PatchRequest): SendAttempt;
  /**
   * Waits for the turn of one attempt among all requests (`--rate`), no longer than until `signal` is aborted; the attempt itself
   * then goes at once. `undefined`: there is no rate.
   */
  readonly turn?: ((signal: AbortSignal) => Promise<void>) | undefined;
}
