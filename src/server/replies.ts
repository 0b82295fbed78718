import type { ProblemCode } from "../shared/codes.js";
import type { TaskId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { type Method, wordsOf } from "./answer-signs.js";
import type { Exchange, HttpAnswer, HttpClient } from "./client.js";
import { proxyRefusal, type TransportFailure } from "./failures.js";
import type { WriteReply } from "./ports.js";
import { type JsonBody, newTaskIdOf, openEnvelope, parseBody, serverText } from "./wire.js";

/** The server, as far as an answer is judged by it. */
export type Answering = Pick<HttpClient, "server" | "proxyOrigin" | "redact"> &
  Partial<Pick<HttpClient, "hasProxyCredentials">>;

/** What one kind of answer proves, of a write and of a read, and how a person is told. */
interface Rule {
  readonly code: ProblemCode;
  /** What the server does. */
  readonly says: string;
  readonly write: "refused" | "slow-down" | "in-doubt" | "stop" | "stop-in-doubt";
  readonly read: "rejected" | "missing" | "forbidden" | "failing" | "stop";
}

const REJECTED: Rule = { code: "REJECTED", says: "rejects the request", write: "refused", read: "rejected" };
const CONFLICT: Rule = { ...REJECTED, code: "CONFLICT" };
const KEY_REFUSED: Rule = { code: "KEY_REFUSED", says: "refuses the API key", write: "stop", read: "stop" };
const FORBIDDEN: Rule = { code: "FORBIDDEN", says: "forbids it", write: "refused", read: "forbidden" };
const MISSING: Rule = { code: "NOT_FOUND", says: "does not know this address", write: "refused", read: "missing" };
const SLOW_DOWN: Rule = { code: "SLOW_DOWN", says: "asks for fewer requests", write: "slow-down", read: "failing" };
const FAILING: Rule = { code: "SERVER_ERROR", says: "could not answer", write: "in-doubt", read: "failing" };
const WEB_PAGE: Rule = { code: "WEB_PAGE", says: "answers with a web page", write: "stop-in-doubt", read: "stop" };
const CUT_SHORT: Rule = { code: "CUT_SHORT", says: "did not end its answer", write: "in-doubt", read: "failing" };
const TOO_LARGE: Rule = { ...REJECTED, code: "ANSWER_TOO_LARGE", says: "sent too large an answer", write: "in-doubt" };

const PACKED: Rule = {
  ...{ code: "UNREADABLE", says: "packed its answer in a way that cannot be unpacked", write: "in-doubt" },
  read: "rejected",
};

/** The statuses that are certain, besides 2xx and 3xx. */
const RULES: ReadonlyMap<number, Rule> = new Map([
  [400, REJECTED],
  [401, KEY_REFUSED],
  [403, FORBIDDEN],
  [404, MISSING],
  [405, MISSING],
  [408, FAILING],
  [409, CONFLICT],
  [413, REJECTED],
  [415, REJECTED],
  [417, KEY_REFUSED],
  [422, REJECTED],
  [425, FAILING],
  [429, SLOW_DOWN],
]);

/** The one place that says what may be decided from an answer. `undefined`: a 2xx that came whole and denies nothing. */
function ruleOf(answer: HttpAnswer, body: JsonBody, answering: Answering): Rule | undefined {
  const { status, cutShort } = answer;
  if (status >= 200 && status < 300) {
    if (body.kind === "html") return WEB_PAGE;
    if (cutShort?.kind === "too-large") return TOO_LARGE;
    if (cutShort !== undefined) return cutShort.kind === "packed" ? PACKED : CUT_SHORT;
    return body.kind === "json" && openEnvelope(body.value).success === false ? REJECTED : undefined;
  }
  if (status >= 300 && status < 400) {
    const says = `redirects to ${redirectTarget(answer.location, answering)} and is not followed, so that the key stays here`;
    return { code: "REDIRECTED", says, write: "stop-in-doubt", read: "stop" };
  }
  // Any other 4xx (402, 406, 410, 412, 423, 451 …) may come from a gateway that judged the answer, after the work was done.
  return RULES.get(status) ?? (status >= 500 ? FAILING : { ...REJECTED, write: "in-doubt" });
}

function redirectTarget(location: string | undefined, answering: Answering): string {
  if (location === undefined || !URL.canParse(location, answering.server.origin)) return "another address";
  const { protocol, host, pathname } = new URL(location, answering.server.origin);
  return answering.redact(`${protocol}//${host}${pathname}`).slice(0, 200);
}

/** An answer that was opened: its body, what it proves, and its problems: `ORIGIN does this (HTTP 400: what the server says)`. */
function judge(method: Method, answer: HttpAnswer, answering: Answering) {
  const { status, cutShort } = answer;
  const body = parseBody(answer.body, answer.contentType);
  const text = cutShort === undefined ? serverText(body, answering.redact) : cutShort.faultCode;
  const about = `(HTTP ${status}${text === undefined ? "" : `: ${text}`})`;
  const words = wordsOf({ method, answer, body, answering });
  const tell = (rule: Pick<Rule, "code" | "says">): Problem => {
    const { code, says, hint } = { ...rule, hint: undefined, ...words };
    return problem(code, answering.redact(`${answering.server.origin} ${says} ${about}`), { hint });
  };
  return { body, rule: ruleOf(answer, body, answering), tell };
}

/** Our own proxy, which plain http goes to in absolute form, wants a login of its own. */
function proxyLogin({ headers }: HttpAnswer, proxyOrigin: string, { server, hasProxyCredentials }: Answering): Problem {
  const authenticate = headers["proxy-authenticate"];
  const asked = { status: 407, authenticate, location: undefined, hadCredentials: hasProxyCredentials === true };
  return proxyRefusal(asked, proxyOrigin, `${server.hostname}:${server.port}`).problem;
}

/** Decides what one write's exchange proves: of a create, which has a source task and must be answered with an ID, or of a PATCH. */
export function classifyWrite(exchange: Exchange, sourceTaskId: TaskId | undefined, answering: Answering): WriteReply {
  if (exchange.kind === "no-answer") {
    const { connecting, problem } = exchange.failure;
    if (exchange.sent) return { kind: "in-doubt", answered: false, problem };
    return { kind: "not-sent", refusedConnection: connecting, problem };
  }
  const httpStatus = exchange.status;
  // A proxy that wants a password has passed nothing on; without a proxy of ours, nobody knows who says so.
  if (httpStatus === 407 && answering.proxyOrigin !== undefined)
    return {
      kind: "not-sent",
      refusedConnection: true,
      problem: proxyLogin(exchange, answering.proxyOrigin, answering),
    };
  const { body, rule, tell } = judge(sourceTaskId === undefined ? "PATCH" : "POST", exchange, answering);
  const inDoubt = (problem: Problem): WriteReply => ({ kind: "in-doubt", answered: true, httpStatus, problem });
  const isSuccess = httpStatus >= 200 && httpStatus < 300;
  const taskId = isSuccess && sourceTaskId !== undefined ? newTaskIdOf(body, sourceTaskId) : undefined;
  if (rule === undefined) {
    if (sourceTaskId === undefined || taskId !== undefined) return { kind: "succeeded", taskId, httpStatus };
    return inDoubt(tell({ code: "NO_TASK_ID", says: "says that it made the task but not its ID" }));
  }
  switch (rule.write) {
    case "refused":
      if (taskId === undefined) return { kind: "refused", httpStatus, problem: tell(rule) };
      // "Failed" together with a new task's ID contradicts itself: only the server knows.
      return inDoubt(tell({ code: "CONTRADICTION", says: `rejects the request and yet names the new task ${taskId}` }));
    case "slow-down":
      return { kind: "slow-down", retryAfterMs: retryAfterMs(exchange), problem: tell(rule) };
    case "in-doubt":
      return inDoubt(tell(rule));
    default:
      return { kind: "stop", inDoubt: rule.write === "stop-in-doubt", httpStatus, problem: tell(rule) };
  }
}

/** What one answer to a read means. */
export interface ReadAnswer {
  /** `json`: 2xx that is no failure. `missing`: 404, 405. `rejected` will be no other the next time, `failing` may. `stop` ends the run. */
  readonly kind: "json" | Rule["read"];
  readonly status?: number;
  /** The body of `json`. */
  readonly value?: unknown;
  /** What is wrong; of `json`: what is wrong where its value cannot be understood. */
  readonly problem: Problem;
  /** Nothing of it is the API's: a wrong server, where no other answer is. */
  readonly isStrange?: boolean;
  /** The body has the API's own envelope. */
  readonly isEnveloped?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly failure?: TransportFailure;
}

/** Decides what one read's exchange means. */
export function classifyRead(exchange: Exchange, answering: Answering): ReadAnswer {
  if (exchange.kind === "no-answer")
    return { kind: "failing", problem: exchange.failure.problem, failure: exchange.failure };
  const { status } = exchange;
  if (status === 407 && answering.proxyOrigin !== undefined)
    return { kind: "stop", problem: proxyLogin(exchange, answering.proxyOrigin, answering) };
  const { body, rule, tell } = judge("GET", exchange, answering);
  const isEnveloped = body.kind === "json" && openEnvelope(body.value).enveloped;
  if (rule === undefined) {
    const problem = tell({ code: "UNREADABLE", says: "answers, but not as a Qalyptus Server does" });
    if (body.kind !== "json") return { kind: "rejected", status, problem, isStrange: true };
    return { kind: "json", value: body.value, isEnveloped, status, problem, isStrange: true };
  }
  return {
    kind: rule.read,
    status,
    problem: tell(rule),
    isStrange: status >= 300 && (body.kind === "html" || body.kind === "text"),
    isEnveloped,
    retryAfterMs: retryAfterMs(exchange),
  };
}

/** More is no wait but a refusal. */
const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** `Retry-After` in milliseconds: seconds or a date, the latter by the server's own clock where it tells it. */
function retryAfterMs({ retryAfter, date }: HttpAnswer): number | undefined {
  const value = retryAfter?.trim() ?? "";
  // `Date.parse` makes a date of nearly anything; an HTTP date begins with a weekday.
  const wait = /^[a-z]{3}/i.test(value) ? Date.parse(value) - Date.parse(date) : Number.NaN;
  const ms = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) * 1000 : wait;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS);
}
