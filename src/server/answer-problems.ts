import type { Problem } from "../shared/problems.js";
import type { Answer } from "./exchange.js";
import type { JsonBody } from "./json-body.js";
import { serverText } from "./wire.js";

/** What an answer is judged with. */
export interface AnswerContext {
  /** For messages. */
  readonly origin: string;
  /** Set where requests go to a proxy in absolute form: then a 407 is the proxy's. */
  readonly proxyOrigin: string | undefined;
  /** Takes the API key out of a text from outside. */
  readonly redact: (text: string) => string;
  /** For a `Retry-After` that is a date, where the answer itself has no date. */
  readonly now: () => Date;
}

/** An answer with its body read. */
export interface OpenedAnswer {
  readonly answer: Answer;
  readonly body: JsonBody;
}

export function keyRefused(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "KEY_REFUSED",
    message: `${context.origin} refuses the API key (${told(of, context)})`,
    hint: "Check QALYPTUS_API_KEY or --api-key-file: keys end after their term, and API keys must be enabled on the server",
  };
}

export function redirected(of: OpenedAnswer, context: AnswerContext): Problem {
  const target = redirectTarget(of.answer.location, context);
  return {
    code: "REDIRECTED",
    message: `${context.origin} redirects to ${target} (HTTP ${of.answer.status}); redirects are not followed, so that the key stays here`,
    hint: "Give --server the address that the server answers at itself",
  };
}

function redirectTarget(location: string | undefined, context: AnswerContext): string {
  if (location === undefined || !URL.canParse(location, context.origin)) return "another address";
  const url = new URL(location, context.origin);
  return context.redact(`${url.protocol}//${url.host}${url.pathname}`).slice(0, 200);
}

export function webPage(of: OpenedAnswer, context: AnswerContext): Problem {
  const title = serverText(of.body, context.redact);
  return {
    code: "WEB_PAGE",
    message: `${context.origin} answers with a web page${title === undefined ? "" : ` ("${title}")`} where its API should (HTTP ${of.answer.status})`,
    hint: "Check the path in --server; a login page means that a gateway wants more than the API key",
  };
}

export function forbidden(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "FORBIDDEN",
    message: `${context.origin} forbids it (${told(of, context)})`,
    hint: "Check the role of the API key's owner, and whether a firewall before the server dislikes something in the request",
  };
}

export function routeMissing(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "NOT_FOUND",
    message: `${context.origin} does not know the address or what it names (${told(of, context)})`,
    hint: "Check the path in --server, the server's version, and whether the task is still there",
  };
}

export function slowDown(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "SLOW_DOWN",
    message: `${context.origin} asks for fewer requests (${told(of, context)})`,
    hint: "Give a lower --concurrency or a --rate",
  };
}

export function rejected(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: of.answer.status === 409 ? "CONFLICT" : "REJECTED",
    message: `${context.origin} rejects the request (${told(of, context)})`,
    hint: "Read what the server says; -v shows the request ID to look for in its log",
  };
}

export function failing(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "SERVER_ERROR",
    message: `${context.origin} could not answer (${told(of, context)})`,
    hint: "Look at the server's log; -v shows the request ID to look for",
  };
}

export function cutShort(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "CUT_SHORT",
    message: `the answer of ${context.origin} did not come to its end (HTTP ${of.answer.status}, ${of.answer.cutShort?.faultCode ?? "cut"})`,
    hint: "Look at the server's log, and at a proxy or gateway before it",
  };
}

export function notQalyptus(of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    code: "NOT_QALYPTUS",
    message: `${context.origin} answers, but not as a Qalyptus Server does (${told(of, context)})`,
    hint: "Check host, port and path in --server, and http against https: Qalyptus Server's own port is often 3994, in plain http",
  };
}

/** `HTTP 400: what the server says`. */
function told(of: OpenedAnswer, context: AnswerContext): string {
  const text = serverText(of.body, context.redact);
  return text === undefined ? `HTTP ${of.answer.status}` : `HTTP ${of.answer.status}: ${text}`;
}

/** More is no wait but a refusal. */
const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

/** `Retry-After` in milliseconds: seconds or a date, the latter by the server's own clock where it tells it. */
export function retryAfterMs(answer: Pick<Answer, "retryAfter" | "date">, now: () => Date): number | undefined {
  const value = answer.retryAfter?.trim();
  if (value === undefined || value === "") return undefined;
  if (/^\d+(?:\.\d+)?$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_RETRY_AFTER_MS);
  // `Date.parse` makes a date of nearly anything; an HTTP date begins with a weekday.
  const until = /^[a-z]{3}/i.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  const told = answer.date === undefined ? Number.NaN : Date.parse(answer.date);
  return Math.min(Math.max(0, until - (Number.isNaN(told) ? now().getTime() : told)), LONGEST_RETRY_AFTER_MS);
}
