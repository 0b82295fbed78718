import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import {
  type AnswerContext,
  cutShort,
  failing,
  forbidden,
  keyRefused,
  type OpenedAnswer,
  redirected,
  rejected,
  retryAfterMs,
  routeMissing,
  slowDown,
  webPage,
} from "./answer-problems.js";
import type { Exchange, NoAnswer } from "./exchange.js";
import { type JsonBody, readBody } from "./json-body.js";
import type { WriteReply } from "./reply.js";
import { proxyRefusal } from "./transport-failure.js";
import { newTaskIdOf, openEnvelope, serverText } from "./wire.js";

/** What was written: a create must be answered with an ID, a PATCH need not. */
export type WriteKind = { readonly kind: "create"; readonly sourceTaskId: TaskId } | { readonly kind: "patch" };

/**
 * Decides what one write's exchange proves: the one place where the table "what may be decided from an answer" stands. Only the
 * statuses that are named here are certain; any other is in doubt (402, 406, 410, 412, 423, 451 … may come from a gateway that
 * judged the answer, after the work was done).
 */
export function classifyWrite(exchange: Exchange, write: WriteKind, context: AnswerContext): WriteReply {
  if (exchange.kind === "no-answer") return classifySilence(exchange);
  const of: OpenedAnswer = { answer: exchange, body: readBody(exchange.body, exchange.contentType) };
  const httpStatus = exchange.status;
  if (httpStatus >= 200 && httpStatus < 300) return classifySuccess(of, write, context);
  if (httpStatus >= 300 && httpStatus < 400)
    return { kind: "stop", inDoubt: true, httpStatus, problem: redirected(of, context) };
  switch (httpStatus) {
    case 400:
    case 409:
    case 413:
    case 415:
    case 422:
      return { kind: "refused", httpStatus, problem: rejected(of, context) };
    case 401:
    case 417:
      return { kind: "stop", inDoubt: false, httpStatus, problem: keyRefused(of, context) };
    case 403:
      return { kind: "refused", httpStatus, problem: forbidden(of, context) };
    case 404:
    case 405:
      return { kind: "refused", httpStatus, problem: routeMissing(of, context) };
    case 407:
      return classifyProxyAnswer(of, context);
    case 429:
      return { kind: "slow-down", retryAfterMs: retryAfterMs(exchange, context.now), problem: slowDown(of, context) };
    default:
      return { kind: "in-doubt", answered: true, httpStatus, problem: failing(of, context) };
  }
}

/** A proxy that wants a password has passed nothing on; without a proxy of ours, nobody knows who says so. */
function classifyProxyAnswer(of: OpenedAnswer, context: AnswerContext): WriteReply {
  const httpStatus = of.answer.status;
  if (context.proxyOrigin === undefined)
    return { kind: "in-doubt", answered: true, httpStatus, problem: failing(of, context) };
  const { problem } = proxyRefusal(httpStatus, { origin: context.proxyOrigin, proxy: true });
  return { kind: "not-sent", refusedConnection: true, problem };
}

function classifySilence({ sent, failure }: NoAnswer): WriteReply {
  if (sent) return { kind: "in-doubt", answered: false, problem: failure.problem };
  return { kind: "not-sent", refusedConnection: failure.connecting, problem: failure.problem };
}

function classifySuccess(of: OpenedAnswer, write: WriteKind, context: AnswerContext): WriteReply {
  const { answer, body } = of;
  const httpStatus = answer.status;
  if (body.kind === "html") return { kind: "stop", inDoubt: true, httpStatus, problem: webPage(of, context) };
  const inDoubt = (problem: Problem): WriteReply => ({ kind: "in-doubt", answered: true, httpStatus, problem });
  if (answer.cutShort !== undefined) return inDoubt(cutShort(of, context));
  const taskId = write.kind === "create" ? newTaskIdOf(body, write.sourceTaskId) : undefined;
  if (saysFailure(body))
    // "Failed" together with a new task's ID contradicts itself: only the server knows.
    return taskId === undefined
      ? { kind: "refused", httpStatus, problem: rejected(of, context) }
      : inDoubt(contradicting(taskId, of, context));
  if (write.kind === "patch") return { kind: "succeeded", taskId: undefined, httpStatus };
  return taskId === undefined ? inDoubt(withoutTaskId(of, context)) : { kind: "succeeded", taskId, httpStatus };
}

function saysFailure(body: JsonBody): boolean {
  return body.kind === "json" && openEnvelope(body.value).success === false;
}

function withoutTaskId(of: OpenedAnswer, context: AnswerContext): Problem {
  const text = serverText(of.body, context.redact);
  return {
    code: "NO_TASK_ID",
    message: `${context.origin} says that it made the task (HTTP ${of.answer.status}) but not its ID${text === undefined ? "" : `: ${text}`}`,
    hint: "The copy is looked up in the task list by its name",
  };
}

function contradicting(taskId: TaskId, of: OpenedAnswer, context: AnswerContext): Problem {
  return {
    ...rejected(of, context),
    code: "CONTRADICTION",
    hint: `It names the task ${taskId} all the same: look for it on the server`,
  };
}
