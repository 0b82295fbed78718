import type { Problem } from "../shared/problems.js";
import {
  type AnswerContext,
  cutShort,
  failing,
  forbidden,
  keyRefused,
  notQalyptus,
  type OpenedAnswer,
  redirected,
  rejected,
  retryAfterMs,
  routeMissing,
  slowDown,
  webPage,
} from "./answer-problems.js";
import type { Exchange, NoAnswer } from "./exchange.js";
import { readBody } from "./json-body.js";
import { proxyRefusal, type TransportFailure } from "./transport-failure.js";
import { openEnvelope } from "./wire.js";

/** What one answer to a read means. */
export type ReadAnswer =
  /** 2xx with JSON that is no failure. */
  | { readonly kind: "json"; readonly value: unknown; readonly stranger: Problem }
  /** 404, 405. `foreign`: the body is no answer of this API. */
  | { readonly kind: "missing"; readonly status: number; readonly foreign: boolean; readonly problem: Problem }
  | { readonly kind: "forbidden"; readonly problem: Problem }
  /** It will be no other the next time. `stranger` is set where the body is no answer of this API. */
  | { readonly kind: "rejected"; readonly problem: Problem; readonly stranger: Problem | undefined }
  /** It may be another the next time. */
  | {
      readonly kind: "failing";
      readonly retryAfterMs: number | undefined;
      readonly failure: TransportFailure | undefined;
      readonly problem: Problem;
    }
  /** The whole run must end. */
  | { readonly kind: "stop"; readonly problem: Problem };

/** Decides what one read's exchange means. */
export function classifyRead(exchange: Exchange, context: AnswerContext): ReadAnswer {
  if (exchange.kind === "no-answer") return silence(exchange);
  const of: OpenedAnswer = { answer: exchange, body: readBody(exchange.body, exchange.contentType) };
  const { status } = exchange;
  if (status >= 200 && status < 300) return classifySuccess(of, context);
  if (status >= 300 && status < 400) return { kind: "stop", problem: redirected(of, context) };
  const isForeign = of.body.kind === "html" || of.body.kind === "text";
  switch (status) {
    case 401:
    case 417:
      return { kind: "stop", problem: keyRefused(of, context) };
    case 403:
      return { kind: "forbidden", problem: forbidden(of, context) };
    case 404:
    case 405:
      return { kind: "missing", status, foreign: isForeign, problem: routeMissing(of, context) };
    case 407:
      if (context.proxyOrigin !== undefined)
        return { kind: "stop", problem: proxyRefusal(status, { origin: context.proxyOrigin, proxy: true }).problem };
      break;
    case 429:
      return retryable(of, context, slowDown(of, context));
    case 408:
    case 425:
      return retryable(of, context, failing(of, context));
    default:
      if (status >= 500) return retryable(of, context, failing(of, context));
  }
  const stranger = isForeign ? notQalyptus(of, context) : undefined;
  return { kind: "rejected", problem: rejected(of, context), stranger };
}

function silence({ failure }: NoAnswer): ReadAnswer {
  return { kind: "failing", retryAfterMs: undefined, failure, problem: failure.problem };
}

function retryable(of: OpenedAnswer, context: AnswerContext, problem: Problem): ReadAnswer {
  return { kind: "failing", retryAfterMs: retryAfterMs(of.answer, context.now), failure: undefined, problem };
}

function classifySuccess(of: OpenedAnswer, context: AnswerContext): ReadAnswer {
  if (of.body.kind === "html") return { kind: "stop", problem: webPage(of, context) };
  if (of.answer.cutShort?.kind === "too-large")
    return { kind: "rejected", problem: of.answer.cutShort.problem, stranger: undefined };
  if (of.answer.cutShort !== undefined) return retryable(of, context, cutShort(of, context));
  if (of.body.kind !== "json")
    return { kind: "rejected", problem: unreadable(of, context), stranger: notQalyptus(of, context) };
  if (openEnvelope(of.body.value).success === false)
    return { kind: "rejected", problem: rejected(of, context), stranger: undefined };
  return { kind: "json", value: of.body.value, stranger: notQalyptus(of, context) };
}

function unreadable(of: OpenedAnswer, context: AnswerContext): Problem {
  return { ...notQalyptus(of, context), code: "UNREADABLE" };
}

/** Whether an answer's body has the API's own envelope: then this is a server of that kind, whatever it says. */
export function isEnveloped(exchange: Exchange): boolean {
  if (exchange.kind === "no-answer") return false;
  const body = readBody(exchange.body, exchange.contentType);
  return body.kind === "json" && openEnvelope(body.value).enveloped;
}
