import { type Answer, failure, success, webPage } from "./answer.js";
import type { Api, Performed } from "./api.js";
import type { Behaviour } from "./behaviour.js";
import type { Befallen } from "./chaos.js";
import { tooMany } from "./door.js";
import type { AnswerChange } from "./faults.js";
import type { Pauses } from "./pauses.js";
import type { ApiCall } from "./route.js";
import type { TaskStore } from "./task-store.js";

/** What goes back to the client, if anything. */
export type Reaction =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "short"; readonly answer: Answer }
  | { readonly kind: "cut" }
  | { readonly kind: "hang" };

export interface WorkDeps {
  readonly api: Api;
  readonly store: TaskStore;
  readonly behaviour: Behaviour;
  readonly pauses: Pauses;
  readonly now: () => Date;
  /** Told of every copy that a request made. */
  readonly onMade: () => void;
  /** Told where work that no request waits for any more went wrong. */
  readonly onLateFailure: (cause: unknown) => void;
}

/** Does the work of one request, as its fault has it, and says what goes back. Rejects where the state could not be saved. */
export async function react(
  call: ApiCall,
  body: unknown,
  befallen: Befallen | undefined,
  deps: WorkDeps,
): Promise<Reaction> {
  if (befallen === undefined) return { kind: "answer", answer: (await work(call, body, deps)).answer };
  const performed = await workAsOften(call, body, befallen, deps);
  return reactionTo(befallen.effect.answer, performed, deps);
}

async function work(call: ApiCall, body: unknown, deps: WorkDeps): Promise<Performed> {
  const performed = await deps.api.perform(call, body);
  if (performed.made !== undefined) deps.onMade();
  return performed;
}

async function workAsOften(
  call: ApiCall,
  body: unknown,
  befallen: Befallen,
  deps: WorkDeps,
): Promise<Performed | undefined> {
  const times = befallen.effect.work;
  switch (times) {
    case "none":
      return undefined;
    case "once":
      return work(call, body, deps);
    case "twice": {
      const first = await work(call, body, deps);
      await work(call, body, deps);
      return first;
    }
    case "later":
      workLater(call, body, befallen.lateMs, deps).catch(deps.onLateFailure);
      return undefined;
    default:
      return times satisfies never;
  }
}

async function workLater(call: ApiCall, body: unknown, ms: number, deps: WorkDeps): Promise<void> {
  if (await deps.pauses.pause(ms)) await work(call, body, deps);
}

function reactionTo(change: AnswerChange, performed: Performed | undefined, deps: WorkDeps): Reaction {
  const { behaviour } = deps;
  const usual = performed?.answer ?? success(behaviour, null);
  switch (change.kind) {
    case "as-made":
      return { kind: "answer", answer: usual };
    case "cut":
      return { kind: "cut" };
    case "hang":
      return { kind: "hang" };
    case "short":
      return { kind: "short", answer: usual };
    case "html":
      return { kind: "answer", answer: webPage(change.status) };
    case "too-many":
      return { kind: "answer", answer: tooMany(behaviour, retryAfter(change.retryAfter, deps.now())) };
    case "refused":
      return { kind: "answer", answer: refused(behaviour) };
    case "redirect":
      return { kind: "answer", answer: { ...webPage(200), status: 302, headers: { location: "/login" } } };
    case "wrong-id":
    case "no-id":
      return { kind: "answer", answer: misleading(change, usual, performed, deps) };
    default:
      return change satisfies never;
  }
}

/** Always in the newer envelope: the older one cannot say no with a 200. */
function refused(behaviour: Behaviour): Answer {
  return failure({ ...behaviour, envelope: "v1" }, { status: 200, message: "refused by the sandbox" });
}

/** The answer of a create that hides the ID of what it made. One that made nothing is answered as it is. */
function misleading(
  change: Extract<AnswerChange, { readonly kind: "wrong-id" | "no-id" }>,
  usual: Answer,
  performed: Performed | undefined,
  deps: WorkDeps,
): Answer {
  const made = performed?.made;
  if (made === undefined) return usual;
  if (change.kind === "no-id")
    return change.body === "empty" ? { ...usual, body: "" } : success(deps.behaviour, null, usual.status);
  const other =
    change.whose === "other" ? deps.store.tasks().findLast((task) => task.copyOf !== null && task !== made) : undefined;
  return { ...usual, body: usual.body.replaceAll(made.id, other?.id ?? made.copyOf ?? made.id) };
}

function retryAfter(form: "seconds" | "date" | "none", now: Date): string | undefined {
  switch (form) {
    case "seconds":
      return "1";
    case "date":
      return new Date(now.getTime() + 2000).toUTCString();
    case "none":
      return undefined;
    default:
      return form satisfies never;
  }
}
