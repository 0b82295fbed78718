import type { IncomingMessage, ServerResponse } from "node:http";
import { type Answer, failure, htmlAnswer, jsonAnswer } from "./answer.js";
import type { Chaos } from "./chaos.js";
import type { Counter } from "./counts.js";
import { cut, deliver, deliverShort } from "./delivery.js";
import { type Reaction, react, type WorkDeps } from "./disturbed-work.js";
import type { Door } from "./door.js";
import type { FaultName } from "./faults.js";
import { sandboxPage } from "./page.js";
import { readBody } from "./request-reading.js";
import { type ApiCall, type Route, routeOf } from "./route.js";
import { runTask } from "./substitution.js";
import type { World } from "./world.js";

/** One request to the sandbox and what became of it, for people who look on. Never holds the key. */
export interface ExchangeNote {
  readonly method: string;
  readonly path: string;
  /** The status, or that the connection was cut or left hanging. */
  readonly answer: number | "cut" | "cut-short" | "hung";
  readonly fault?: FaultName | undefined;
  /** What went wrong inside the sandbox: its state file could not be written. */
  readonly error?: unknown;
}

export interface ExchangeDeps extends WorkDeps {
  readonly world: World;
  readonly door: Door;
  readonly chaos: Chaos;
  readonly counter: Counter;
  readonly latencyMs: number;
  readonly onExchange: (note: ExchangeNote) => void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  readonly url: URL;
}

/** What goes back, and why it is not the usual. `nothing`: there is nobody any more to answer. */
interface Outcome {
  readonly reaction: Reaction | { readonly kind: "nothing" };
  readonly fault?: FaultName | undefined;
  readonly error?: unknown;
}

/** Serves one request from its arrival to the end of its answer. Never rejects. */
export async function serve(request: IncomingMessage, response: ServerResponse, deps: ExchangeDeps): Promise<void> {
  const exchange = { request, response, method: request.method ?? "GET", url: urlOf(request.url ?? "/") };
  const route = routeOf(exchange.method, exchange.url, deps.behaviour);
  const leave = route.kind === "api" ? deps.counter.call(route.call.kind) : () => {};
  response.once("close", leave);
  const requestId = request.headers["x-request-id"];
  if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
  const { reaction, ...told } = await outcomeOrDefect(exchange, route, deps);
  // Before the answer is on the wire: else its client could be back with the next write while this one still counts.
  if (reaction.kind !== "hang") leave();
  send(response, reaction);
  if (reaction.kind !== "nothing") deps.onExchange({ ...noted(exchange, reaction), ...told });
}

async function outcomeOrDefect(exchange: Exchange, route: Route, deps: ExchangeDeps): Promise<Outcome> {
  try {
    return await outcomeOf(exchange, route, deps);
  } catch (error) {
    const message = `the sandbox could not do this: ${error instanceof Error ? error.message : "unknown"}`;
    return { ...answered(failure(deps.behaviour, { status: 500, message })), error };
  }
}

async function outcomeOf(exchange: Exchange, route: Route, deps: ExchangeDeps): Promise<Outcome> {
  switch (route.kind) {
    case "page":
      return answered(htmlAnswer(200, sandboxPage(deps.store.tasks(), route.query)), PAGE_HEADERS);
    case "run":
      return answered(runAnswer(route.taskId, deps));
    case "api":
      return apiOutcome(exchange, route.call, deps);
    case "nowhere":
    case "wrong-method":
      return route.api ? astray(exchange, route, deps) : answered(strayAnswer(route, exchange.url, deps));
    default:
      return route satisfies never;
  }
}

async function apiOutcome(exchange: Exchange, call: ApiCall, deps: ExchangeDeps): Promise<Outcome> {
  const { request, method, url } = exchange;
  const refusal = atTheDoor(request, deps);
  if (refusal !== undefined) return answered(refusal);
  const isWrite = call.kind === "duplicate" || call.kind === "patch";
  const body = isWrite ? await readBody(request) : undefined;
  if (body?.kind === "gone" || !(await waited(deps))) return { reaction: { kind: "nothing" } };
  if (body?.kind === "wrong") return answered(failure(deps.behaviour, body));
  const name = deps.api.nameOf(call, body?.value);
  const key = `${method} ${url.pathname}${url.search} ${name}`;
  const befallen = deps.chaos.next({ kind: call.kind, key, name });
  if (befallen !== undefined) deps.counter.fault(befallen.fault);
  const reaction = await react(call, body?.value, befallen, deps);
  return { reaction, fault: befallen?.fault };
}

/** A request under `/api` that leads nowhere: it is judged at the door like any other. */
async function astray(exchange: Exchange, route: StrayRoute, deps: ExchangeDeps): Promise<Outcome> {
  deps.counter.stray();
  const refusal = atTheDoor(exchange.request, deps);
  if (refusal !== undefined) return answered(refusal);
  if (!(await waited(deps))) return { reaction: { kind: "nothing" } };
  return answered(strayAnswer(route, exchange.url, deps));
}

function atTheDoor(request: IncomingMessage, deps: ExchangeDeps): Answer | undefined {
  const refusal = deps.door.refusal(request.headers.authorization, deps.now().getTime());
  if (refusal?.status === 401 || refusal?.status === 417) deps.counter.refusedKey();
  return refusal;
}

async function waited(deps: ExchangeDeps): Promise<boolean> {
  return deps.latencyMs <= 0 || deps.pauses.pause(deps.latencyMs);
}

type StrayRoute = { readonly kind: "nowhere" } | { readonly kind: "wrong-method"; readonly allow: string };

function strayAnswer(route: StrayRoute, url: URL, deps: ExchangeDeps): Answer {
  if (route.kind === "nowhere") return failure(deps.behaviour, { status: 404, message: `there is no ${url.pathname}` });
  const message = `${url.pathname} answers to ${route.allow} only`;
  return failure(deps.behaviour, { status: 405, message, headers: { allow: route.allow } });
}

function runAnswer(taskId: string, deps: ExchangeDeps): Answer {
  const task = deps.store.task(taskId);
  if (task === undefined) return failure(deps.behaviour, { status: 404, message: `there is no task ${taskId}` });
  return { ...jsonAnswer(200, null), body: `${JSON.stringify(runTask(task), undefined, 2)}\n` };
}

function answered(answer: Answer, headers?: Readonly<Record<string, string>>): Outcome {
  return { reaction: { kind: "answer", answer: headers === undefined ? answer : { ...answer, headers } } };
}

/** The page may show text from outside; nothing in it may load or run. */
const PAGE_HEADERS = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
};

function send(response: ServerResponse, reaction: Outcome["reaction"]): void {
  switch (reaction.kind) {
    case "answer":
      deliver(response, reaction.answer);
      break;
    case "short":
      deliverShort(response, reaction.answer);
      break;
    case "cut":
    case "nothing":
      cut(response);
      break;
    case "hang":
      break;
    default:
      reaction satisfies never;
  }
}

function noted(exchange: Exchange, reaction: Reaction): Pick<ExchangeNote, "method" | "path" | "answer"> {
  const { method, url } = exchange;
  const path = `${url.pathname}${url.search}`;
  switch (reaction.kind) {
    case "answer":
      return { method, path, answer: reaction.answer.status };
    case "short":
      return { method, path, answer: "cut-short" };
    case "cut":
      return { method, path, answer: "cut" };
    case "hang":
      return { method, path, answer: "hung" };
    default:
      return reaction satisfies never;
  }
}

/** The request's target as a URL; in absolute form (as proxies send it) too. What is no URL leads nowhere. */
function urlOf(target: string): URL {
  if (target.startsWith("/")) return new URL(`http://sandbox${target}`);
  return URL.canParse(target) ? new URL(target) : new URL("http://sandbox/unreadable");
}
