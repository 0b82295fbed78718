/**
 * How the sandbox answers, and the table of what can go wrong in it: its help, its settings and what it does are all made from
 * it. Disturbances befall single requests; traits make the whole server behave in another way.
 */
import { foldTenantKey } from "../shared/ids.js";
import { tenantMatcher } from "../shared/spelling.js";
import type { SandboxTask } from "./store.js";

/** The requests that a disturbance may befall. */
export const SCOPES = ["all", "reads", "lists", "writes", "creates", "patches"] as const;
export type Scope = (typeof SCOPES)[number];
const WRITES = ["writes", "creates", "patches"] as const;

/** What a request did, and what would usually be answered. */
interface Done {
  readonly usual: Answer;
  /** The copy that a create made. */
  readonly made?: SandboxTask | undefined;
  readonly behaviour: Behaviour;
  readonly now: Date;
  readonly tasks: () => readonly SandboxTask[];
}

/** What a disturbance does: how often (and when) the work is done, and what goes back. */
export interface Effect {
  readonly work: "none" | "once" | "twice" | "later";
  readonly answer: (done: Done) => Answer | "cut" | "hang";
}

/** A fault as it was asked for. What is not given of a disturbance: every request of its scope, for as long as the sandbox runs. */
export interface FaultSetting {
  readonly name: FaultName;
  /** The share of the requests that a disturbance befalls, or a trait's argument: from 0 to 1. */
  readonly share?: number;
  /** A trait's argument. */
  readonly count?: number;
  readonly pattern?: string;
  /** Only requests whose task name fits: `*` any text, `?` one character, without regard to case. */
  readonly on?: string;
  readonly to?: Scope;
  /** At most so many requests. */
  readonly times?: number;
  /** Not the first so many. */
  readonly after?: number;
  /** For `late`: how much later the work is done, in milliseconds. */
  readonly ms?: number;
  /** One of its forms. */
  readonly as?: string;
}

interface Fault {
  readonly summary: string;
  /** What stands behind `=`. */
  readonly argument?: "form" | "count" | "share" | "pattern";
  /** The count or share that is meant where none is given; without it, a trait must be given one. */
  readonly usual?: number;
}

/** Befalls single requests. */
export interface Disturbance extends Fault {
  /** What it may be aimed at; the first unless a setting says otherwise. */
  readonly to: readonly Scope[];
  /** Whether `--chaos` may draw it: those that a run gets over by itself or by being run again. */
  readonly random: boolean;
  /** Its forms by name; a setting chooses one with `as`, else the seed does, request by request. */
  readonly forms: Readonly<Record<string, Effect>>;
}

/** Makes the whole server behave in another way. */
interface Trait extends Fault {
  /** The forms that it knows; the first is meant where none is given. */
  readonly forms?: readonly string[];
  /** `value`: the count or share. */
  readonly change: (setting: FaultSetting, value: number, before: Behaviour) => Partial<Behaviour>;
}

/** How a create's answer shows the new task's ID; `wrap` puts data into the server's envelope. */
const ID_SHAPES = {
  data: (id: string, wrap: (data: unknown) => Answer) => wrap(id),
  "data-id": (id: string, wrap: (data: unknown) => Answer) => wrap({ id }),
  id: (id: string) => jsonAnswer(200, { id }),
  "task-id": (id: string) => jsonAnswer(200, { taskId: id }),
  "json-string": (id: string) => jsonAnswer(200, id),
  text: (id: string): Answer => ({ status: 200, contentType: "text/plain; charset=utf-8", body: id }),
};
const ID_SHAPE_NAMES = Object.keys(ID_SHAPES) as (keyof typeof ID_SHAPES)[];

/** How this server behaves towards every request, unless a trait changes it. */
const USUAL = {
  /** What the server does with a name that a task has already. */
  takenNames: "allow" as "allow" | "suffix" | "refuse",
  storedName: (name: string): string => name,
  /** Which of a report's two IDs a body must have. */
  reportIds: "row" as "row" | "report",
  /** What a ReportId that the task lacks leads to. */
  unknownReports: "refuse" as "refuse" | "ignore",
  showMappings: true,
  patchesTakeEffect: true,
  /** How a create's answer holds the new task's ID. */
  idShape: "data" as keyof typeof ID_SHAPES,
  createdStatus: 200 as 200 | 201,
  envelope: "v1" as "v1" | "old",
  readsUnderV2: true,
  missingDuplicate: undefined as 404 | 405 | undefined,
  hasSingleTask: true,
  hasReports: true,
  listRefusal: undefined as 404 | 403 | undefined,
  paging: "both" as "both" | "pages-only" | "whole-only",
  missingFromList: undefined as { readonly share: number; readonly changing: boolean } | undefined,
  hidesCopies: false,
  forbidden: [] as readonly ((name: string) => boolean)[],
  rateLimit: undefined as number | undefined,
  keyExpiry: undefined as { readonly after: number; readonly status: 401 | 417 } | undefined,
};

export type Behaviour = Readonly<typeof USUAL>;

/** An answer before it is put on the wire. `short`: it ends, with the connection, before its Content-Length does. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly short?: boolean;
}

/** An answer with a JSON body as it stands, without the envelope. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: JSON.stringify(value) };
}

export function htmlAnswer(status: number, body: string, headers?: Answer["headers"]): Answer {
  return { status, contentType: "text/html; charset=utf-8", body, headers };
}

/** Success in the server's envelope. */
export function success({ envelope }: Behaviour, data: unknown, status = 200): Answer {
  return envelope === "old"
    ? jsonAnswer(status, { data, status: { message: "OK" } })
    : jsonAnswer(status, { data, isSuccess: true, error: null, errorDetails: null });
}

/** A refusal in the server's envelope. */
export function failure(
  { envelope }: Pick<Behaviour, "envelope">,
  status: number,
  message: string,
  headers?: Answer["headers"],
): Answer {
  const body =
    envelope === "old"
      ? { data: null, status: { message } }
      : { data: null, isSuccess: false, error: message, errorDetails: null };
  return { ...jsonAnswer(status, body), headers };
}

/** 429, with a `Retry-After` where one is given. */
export function tooMany(behaviour: Behaviour, retryAfter: string | undefined): Answer {
  return failure(behaviour, 429, "too many requests", retryAfter === undefined ? {} : { "retry-after": retryAfter });
}

/** A create's success. */
export function created(behaviour: Behaviour, id: string): Answer {
  return { ...ID_SHAPES[behaviour.idShape](id, (data) => success(behaviour, data)), status: behaviour.createdStatus };
}

/** A web page where an API's answer should be: from a proxy, or a login. */
function webPage(status: number, title: string): Answer {
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  return htmlAnswer(status, `<!DOCTYPE html>\n${body}\n`);
}

/** A test of task names: `*` any text, `?` one character, folded as tenant keys are. */
export function nameTest(pattern: string): (name: string) => boolean {
  const fits = tenantMatcher([pattern]);
  return (name) => fits(foldTenantKey(name));
}

function beforeOrAfter(answer: Effect["answer"]): Disturbance["forms"] {
  return { before: { work: "none", answer }, after: { work: "once", answer } };
}

/** A create's answer that hides the ID of what it made. One that made nothing is answered as it is. */
function hidingId(answer: (done: Done & { readonly made: SandboxTask }) => Answer): Effect {
  return {
    work: "once",
    answer: (done) => (done.made === undefined ? done.usual : answer({ ...done, made: done.made })),
  };
}

function withId({ usual, made }: Done & { readonly made: SandboxTask }, id: string | null | undefined): Answer {
  return { ...usual, body: usual.body.replaceAll(made.id, id ?? made.copyOf ?? made.id) };
}

const cut = () => "cut" as const;

// biome-ignore format: one disturbance a line, as in the help that is made of it
export const DISTURBANCES = {
  "cut-before": { to: SCOPES, random: true, summary: "the connection is cut before the work is done", forms: { cut: { work: "none", answer: cut } } },
  "cut-after": { to: SCOPES, random: true, summary: "the work is done, then the connection is cut without an answer", forms: { cut: { work: "once", answer: cut } } },
  late: { to: WRITES, random: true, summary: "the connection is cut; the work is done ms milliseconds later (3000 unless given)", forms: { late: { work: "later", answer: cut } } },
  "error-500": { to: SCOPES, random: true, summary: "500 with a web page, before or after the work", forms: beforeOrAfter(() => webPage(500, "500 - Internal server error")) },
  "error-502": { to: SCOPES, random: true, summary: "502 with a proxy's web page, before or after the work", forms: beforeOrAfter(() => webPage(502, "502 Bad Gateway")) },
  "error-503": { to: SCOPES, random: true, summary: "503 with a web page, before or after the work", forms: beforeOrAfter(() => webPage(503, "503 Service Unavailable")) },
  "login-page": { to: SCOPES, random: false, summary: "200 with a login page, before or after the work", forms: beforeOrAfter(() => webPage(200, "Sign in")) },
  redirect: { to: SCOPES, random: false, summary: "302 to a login page, before or after the work", forms: beforeOrAfter(() => ({ ...webPage(302, "Sign in"), headers: { location: "/login" } })) },
  hang: { to: SCOPES, random: true, summary: "never answers; the work is done (after) or not (before)", forms: beforeOrAfter(() => "hang") },
  "short-body": { to: SCOPES, random: true, summary: "the work is done; the answer ends before its Content-Length does", forms: { short: { work: "once", answer: ({ usual }) => ({ ...usual, short: true }) } } },
  "too-many": { to: SCOPES, random: true, summary: "429, with Retry-After in seconds, as a date, or without it; nothing is done", forms: {
    seconds: { work: "none", answer: ({ behaviour }) => tooMany(behaviour, "1") },
    date: { work: "none", answer: ({ behaviour, now }) => tooMany(behaviour, new Date(now.getTime() + 2000).toUTCString()) },
    none: { work: "none", answer: ({ behaviour }) => tooMany(behaviour, undefined) },
  } },
  // In the newer envelope: the older one cannot say no with a 200.
  refuse: { to: WRITES, random: true, summary: "200 with isSuccess: false; nothing is done", forms: { refused: { work: "none", answer: () => failure({ envelope: "v1" }, 200, "refused by the sandbox") } } },
  twice: { to: ["creates"], random: false, summary: "a create is carried out twice and answered once", forms: { twice: { work: "twice", answer: ({ usual }) => usual } } },
  "wrong-id": { to: ["creates"], random: false, summary: "a create is answered with the ID of its source task, or of another copy", forms: {
    source: hidingId((done) => withId(done, done.made.copyOf)),
    other: hidingId((done) => withId(done, done.tasks().findLast((task) => task.copyOf !== null && task.id !== done.made.id)?.id)),
  } },
  "no-id": { to: ["creates"], random: true, summary: "a create is answered with success and no ID: data is null, or the body is empty", forms: {
    null: hidingId(({ behaviour, usual }) => success(behaviour, null, usual.status)),
    empty: hidingId(({ usual }) => ({ ...usual, body: "" })),
  } },
} satisfies Record<string, Disturbance>;

/** Several traits may change a name, one after another. */
function storing(change: (name: string, count: number) => string): Trait["change"] {
  return (_, count, before) => ({ storedName: (name) => change(before.storedName(name), count) });
}

// biome-ignore format: one trait a line, as in the help that is made of it
export const TRAITS = {
  "rate-limit": { summary: "429 to more than this many requests within a second", argument: "count", change: (_, rateLimit) => ({ rateLimit }) },
  "expire-key": { summary: "the key is refused after this many requests (401, or 417 as=417)", argument: "count", forms: ["401", "417"], change: ({ as }, after) => ({ keyExpiry: { after, status: as === "417" ? 417 : 401 } }) },
  "forbid-tenant": { summary: "403 to writes of tasks whose name fits this pattern (*acme*)", argument: "pattern", change: ({ pattern = "" }, _, { forbidden }) => ({ forbidden: [...forbidden, nameTest(pattern)] }) },
  "no-list": { summary: "the task list is refused", argument: "form", forms: ["404", "403"], change: ({ as }) => ({ listRefusal: as === "403" ? 403 : 404 }) },
  "paged-only": { summary: "get_all is ignored: the list comes in pages only", change: () => ({ paging: "pages-only" }) },
  "get-all-only": { summary: "page and page_size are ignored: the list is always whole", change: () => ({ paging: "whole-only" }) },
  "incomplete-list": { summary: "this share of the copies is missing from the list: always the same ones, or others each time (as=changing)", argument: "share", forms: ["same", "changing"], usual: 0.2, change: ({ as }, share) => ({ missingFromList: { share, changing: as === "changing" } }) },
  "hide-copies": { summary: "the key does not see copies: not listed, and 404 by their IDs", change: () => ({ hidesCopies: true }) },
  "no-single-task": { summary: "GET /tasks/{id} does not exist", change: () => ({ hasSingleTask: false }) },
  "no-reports": { summary: "GET /tasks/{id}/reports does not exist", change: () => ({ hasReports: false }) },
  "no-mappings-shown": { summary: "reports do not show their mappings", change: () => ({ showMappings: false }) },
  "names-folded": { summary: "names are stored in upper case", change: storing((name) => name.toUpperCase()) },
  "names-cut": { summary: "names are cut to this many characters", argument: "count", usual: 30, change: storing((name, count) => [...name].slice(0, count).join("")) },
  "names-trimmed": { summary: "names are stored without the blanks around and the doubled ones in them", change: storing((name) => name.trim().replace(/\s+/gu, " ")) },
  "names-suffixed": { summary: 'every copy\'s name gets " (copy)" at its end', change: storing((name) => `${name} (copy)`) },
  "names-unique": { summary: "a taken name is refused with 409, or gets a number (as=suffix)", argument: "form", forms: ["refuse", "suffix"], change: ({ as }) => ({ takenNames: as === "suffix" ? "suffix" : "refuse" }) },
  "ignore-unknown-reports": { summary: "a ReportId that the task lacks is ignored in silence: no mapping", change: () => ({ unknownReports: "ignore" }) },
  "report-id-strict": { summary: "bodies must name a report by its reportID; a row's id is a 400", change: () => ({ reportIds: "report" }) },
  "wrong-id-kind": { summary: "bodies must name a report by its reportID; a row's id is ignored in silence: no mapping", change: () => ({ reportIds: "report", unknownReports: "ignore" }) },
  "no-effect": { summary: "PATCH answers 200 and changes nothing", change: () => ({ patchesTakeEffect: false }) },
  "id-shape": { summary: "how a create's answer holds the new ID", argument: "form", forms: ID_SHAPE_NAMES, change: ({ as }) => ({ idShape: ID_SHAPE_NAMES.find((shape) => shape === as) ?? "data" }) },
  "created-201": { summary: "a create is answered with 201", change: () => ({ createdStatus: 201 }) },
  "old-envelope": { summary: 'answers in an older server\'s envelope: {"data", "status": {"message"}}', change: () => ({ envelope: "old" }) },
  "v1-reads": { summary: "reads exist under /api/v1 only", change: () => ({ readsUnderV2: false }) },
  "old-server": { summary: "there is no duplicate route", argument: "form", forms: ["404", "405"], change: ({ as }) => ({ missingDuplicate: as === "405" ? 405 : 404 }) },
} satisfies Record<string, Trait>;

export type FaultName = keyof typeof DISTURBANCES | keyof typeof TRAITS;

/** Every fault, in the order of the help. */
export const FAULTS: Readonly<Record<FaultName, Disturbance | Trait>> = { ...DISTURBANCES, ...TRAITS };
export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

/** A disturbance by its name; `undefined` for a trait. */
export function disturbanceOf(name: FaultName): Disturbance | undefined {
  const fault = FAULTS[name];
  return "change" in fault ? undefined : fault;
}

/** The forms of a fault by name; none where a trait has only one. */
export function formsOf(name: FaultName): readonly string[] {
  const fault = FAULTS[name];
  return "change" in fault ? (fault.forms ?? []) : Object.keys(fault.forms);
}

/** The behaviour of a server with these faults, of which the traits count here. */
export function behaviourOf(faults: readonly FaultSetting[]): Behaviour {
  let behaviour = USUAL;
  for (const setting of faults) {
    const fault = FAULTS[setting.name];
    if (!("change" in fault)) continue;
    const value = setting.count ?? setting.share ?? fault.usual ?? 0;
    behaviour = { ...behaviour, ...fault.change(setting, value, behaviour) };
  }
  return behaviour;
}
