import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";

/**
 * What is known after one write was handed to the network. Made by the server adapter, one for each attempt; read by the
 * writer in `app`. The classes are what may be decided from an answer, and nothing finer:
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
