/**
 * The table of what can go wrong in the sandbox, from which its help and its tests are made. Disturbances befall single
 * requests; traits make the whole server behave in another way.
 */

/** The requests that a disturbance may befall. */
export type Scope = "all" | "reads" | "lists" | "writes" | "creates" | "patches";

/** How the answer of a disturbed request differs. */
export type AnswerChange =
  | { readonly kind: "as-made" }
  | { readonly kind: "cut" }
  | { readonly kind: "hang" }
  | { readonly kind: "short" }
  | { readonly kind: "html"; readonly status: 200 | 500 | 502 | 503 }
  | { readonly kind: "too-many"; readonly retryAfter: "seconds" | "date" | "none" }
  | { readonly kind: "refused" }
  | { readonly kind: "redirect" }
  | { readonly kind: "wrong-id"; readonly whose: "source" | "other" }
  | { readonly kind: "no-id"; readonly body: "null" | "empty" };

/** What a disturbance does: how often (and when) the work is done, and what is answered. */
export interface Effect {
  readonly work: "none" | "once" | "twice" | "later";
  readonly answer: AnswerChange;
}

export interface Disturbance {
  readonly summary: string;
  /** What it befalls unless a setting aims it elsewhere. */
  readonly to: Scope;
  /** The only requests that it can befall at all. */
  readonly within?: "writes" | "creates";
  /** Whether `--chaos` may draw it: those that a run gets over by itself or by being run again. */
  readonly random: boolean;
  /** Its forms by name; a setting chooses one with `as`, else the seed does, request by request. */
  readonly forms: Readonly<Record<string, Effect>>;
}

export interface Trait {
  readonly summary: string;
  /** What stands behind `=`; `none`: nothing. */
  readonly argument: "none" | "form" | "count" | "share" | "pattern";
  /** The forms that it knows; the first is meant where none is given. */
  readonly forms?: readonly [string, ...string[]];
  /** The count or share that is meant where none is given; without it, it must be given. */
  readonly usual?: number;
}

const cut: AnswerChange = { kind: "cut" };
const beforeOrAfter = (answer: AnswerChange) => ({
  before: { work: "none", answer } as const,
  after: { work: "once", answer } as const,
});

export const DISTURBANCES = {
  "cut-before": {
    summary: "the connection is cut before the work is done",
    to: "all",
    random: true,
    forms: { cut: { work: "none", answer: cut } },
  },
  "cut-after": {
    summary: "the work is done, then the connection is cut without an answer",
    to: "all",
    random: true,
    forms: { cut: { work: "once", answer: cut } },
  },
  late: {
    summary: "the connection is cut; the work is done ms milliseconds later (3000 unless given)",
    to: "writes",
    within: "writes",
    random: true,
    forms: { late: { work: "later", answer: cut } },
  },
  "error-500": {
    summary: "500 with a web page, before or after the work",
    to: "all",
    random: true,
    forms: beforeOrAfter({ kind: "html", status: 500 }),
  },
  "error-502": {
    summary: "502 with a proxy's web page, before or after the work",
    to: "all",
    random: true,
    forms: beforeOrAfter({ kind: "html", status: 502 }),
  },
  "error-503": {
    summary: "503 with a web page, before or after the work",
    to: "all",
    random: true,
    forms: beforeOrAfter({ kind: "html", status: 503 }),
  },
  "login-page": {
    summary: "200 with a login page, before or after the work",
    to: "all",
    random: false,
    forms: beforeOrAfter({ kind: "html", status: 200 }),
  },
  redirect: {
    summary: "302 to a login page, before or after the work",
    to: "all",
    random: false,
    forms: beforeOrAfter({ kind: "redirect" }),
  },
  hang: {
    summary: "never answers; the work is done (after) or not (before)",
    to: "all",
    random: true,
    forms: beforeOrAfter({ kind: "hang" }),
  },
  "short-body": {
    summary: "the work is done; the answer ends before its Content-Length does",
    to: "all",
    random: true,
    forms: { short: { work: "once", answer: { kind: "short" } } },
  },
  "too-many": {
    summary: "429, with Retry-After in seconds, as a date, or without it; nothing is done",
    to: "all",
    random: true,
    forms: {
      seconds: { work: "none", answer: { kind: "too-many", retryAfter: "seconds" } },
      date: { work: "none", answer: { kind: "too-many", retryAfter: "date" } },
      none: { work: "none", answer: { kind: "too-many", retryAfter: "none" } },
    },
  },
  refuse: {
    summary: "200 with isSuccess: false; nothing is done",
    to: "writes",
    random: true,
    forms: { refused: { work: "none", answer: { kind: "refused" } } },
  },
  twice: {
    summary: "a create is carried out twice and answered once",
    to: "creates",
    within: "creates",
    random: false,
    forms: { twice: { work: "twice", answer: { kind: "as-made" } } },
  },
  "wrong-id": {
    summary: "a create is answered with the ID of its source task, or of another copy",
    to: "creates",
    within: "creates",
    random: false,
    forms: {
      source: { work: "once", answer: { kind: "wrong-id", whose: "source" } },
      other: { work: "once", answer: { kind: "wrong-id", whose: "other" } },
    },
  },
  "no-id": {
    summary: "a create is answered with success and no ID: data is null, or the body is empty",
    to: "creates",
    within: "creates",
    random: true,
    forms: {
      null: { work: "once", answer: { kind: "no-id", body: "null" } },
      empty: { work: "once", answer: { kind: "no-id", body: "empty" } },
    },
  },
} as const satisfies Record<string, Disturbance>;

export const TRAITS = {
  "rate-limit": { summary: "429 to more than this many requests within a second", argument: "count" },
  "expire-key": {
    summary: "the key is refused after this many requests (401, or 417 as=417)",
    argument: "count",
    forms: ["401", "417"],
  },
  "forbid-tenant": { summary: "403 to writes of tasks whose name fits this pattern (*acme*)", argument: "pattern" },
  "no-list": { summary: "the task list is refused", argument: "form", forms: ["404", "403"] },
  "paged-only": { summary: "get_all is ignored: the list comes in pages only", argument: "none" },
  "get-all-only": { summary: "page and page_size are ignored: the list is always whole", argument: "none" },
  "incomplete-list": {
    summary:
      "this share of the copies is missing from the list: always the same ones, or others each time (as=changing)",
    argument: "share",
    forms: ["same", "changing"],
    usual: 0.2,
  },
  "hide-copies": { summary: "the key does not see copies: not listed, and 404 by their IDs", argument: "none" },
  "no-single-task": { summary: "GET /tasks/{id} does not exist", argument: "none" },
  "no-reports": { summary: "GET /tasks/{id}/reports does not exist", argument: "none" },
  "no-mappings-shown": { summary: "reports do not show their mappings", argument: "none" },
  "names-folded": { summary: "names are stored in upper case", argument: "none" },
  "names-cut": { summary: "names are cut to this many characters", argument: "count", usual: 30 },
  "names-trimmed": {
    summary: "names are stored without the blanks around and the doubled ones in them",
    argument: "none",
  },
  "names-suffixed": { summary: 'every copy\'s name gets " (copy)" at its end', argument: "none" },
  "names-unique": {
    summary: "a taken name is refused with 409, or gets a number (as=suffix)",
    argument: "form",
    forms: ["refuse", "suffix"],
  },
  "ignore-unknown-reports": {
    summary: "a ReportId that the task lacks is ignored in silence: no mapping",
    argument: "none",
  },
  "report-id-strict": { summary: "bodies must name a report by its reportID; a row's id is a 400", argument: "none" },
  "wrong-id-kind": {
    summary: "bodies must name a report by its reportID; a row's id is ignored in silence: no mapping",
    argument: "none",
  },
  "no-effect": { summary: "PATCH answers 200 and changes nothing", argument: "none" },
  "id-shape": {
    summary: "how a create's answer holds the new ID",
    argument: "form",
    forms: ["data", "data-id", "id", "task-id", "json-string", "text"],
  },
  "created-201": { summary: "a create is answered with 201", argument: "none" },
  "old-envelope": {
    summary: 'answers in an older server\'s envelope: {"data", "status": {"message"}}',
    argument: "none",
  },
  "v1-reads": { summary: "reads exist under /api/v1 only", argument: "none" },
  "old-server": { summary: "there is no duplicate route", argument: "form", forms: ["404", "405"] },
} as const satisfies Record<string, Trait>;

export type DisturbanceName = keyof typeof DISTURBANCES;
export type TraitName = keyof typeof TRAITS;
export type FaultName = DisturbanceName | TraitName;

export const DISTURBANCE_NAMES = Object.keys(DISTURBANCES) as readonly DisturbanceName[];
export const TRAIT_NAMES = Object.keys(TRAITS) as readonly TraitName[];
/** Every fault, in the table's order. */
export const FAULT_NAMES: readonly FaultName[] = [...DISTURBANCE_NAMES, ...TRAIT_NAMES];

export const disturbance = (name: DisturbanceName): Disturbance => DISTURBANCES[name];
export const trait = (name: TraitName): Trait => TRAITS[name];

export function isDisturbance(name: FaultName): name is DisturbanceName {
  return name in DISTURBANCES;
}
