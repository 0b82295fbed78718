import { mixedSeed, Random } from "./random.js";

/** What a server does with the names that it is sent. */
export type NameRule =
  | "as-sent"
  | "refused-when-taken-409"
  | "refused-when-taken-400"
  | "suffix-when-taken"
  | "suffix-always"
  | "upper-case"
  | "trims-and-collapses"
  | "cut"
  // These change some names and leave others as they were sent.
  | "escapes-marks"
  | "latin-1"
  | "strips-accents"
  | "no-slashes"
  | "cut-at-14";

/** What a server is like, faults aside: it stays so for a whole history. */
export interface ServerProfile {
  /** `late`: a new task comes into the list only after a while. */
  readonly list: "full" | "cached" | "late" | "missing" | "forbidden";
  /** What the key sees of copies: all, all but their place in the list, or nothing. */
  readonly copies: "seen" | "not-listed" | "unseen";
  /** The list names a total: a reader sees that rows are missing, and calls it partial. */
  readonly namesTotal: boolean;
  /** Which report rows of a task show their mappings; `some`: all but the last of several. */
  readonly mappings: "all" | "some" | "none";
  /** A copy lists one row for each report, however many it has. */
  readonly listsRowsOnce: boolean;
  readonly hasTaskRoute: boolean;
  readonly hasReportsRoute: boolean;
  readonly names: NameRule;
  readonly reportIds: "row" | "report" | "both";
  readonly patchWorks: boolean;
  /** A proxy before it gives the answers of two creates in flight to each other. */
  readonly crossesAnswers: boolean;
  /** Answers a repeated `Idempotency-Key` with the first one's copy. */
  readonly honoursIdempotencyKey: boolean;
  /** May carry out a request long after it was given up, or twice. */
  readonly breaksItsWord: boolean;
}

/** One tenant of a manifest, small and symbolic. */
export interface Row {
  /** As spelled; keys are compared folded. */
  readonly tenant: string;
  readonly source: number;
  /** Index of the tenant's app. */
  readonly app: number;
  /** Whether the rows name each report, or one row stands for all. */
  readonly named: boolean;
  /** A second master app is mapped too. */
  readonly second: boolean;
  readonly enabled: boolean;
  readonly template: string;
  /** Another column that may be used in the name: it stays when the key changes. */
  readonly label: string;
  /** `next`: the task of the tenant in the next row, as a column that slipped has it. */
  readonly newTaskId: "none" | "own" | "foreign" | "next";
}

/** What a person does between two runs. */
export type PersonAct =
  | { readonly kind: "delete-copy"; readonly tenant: string }
  | { readonly kind: "edit-mapping"; readonly tenant: string }
  | { readonly kind: "make-foreign"; readonly tenant: string; readonly sameReports: boolean }
  | { readonly kind: "resolve-retry"; readonly tenant: string }
  | { readonly kind: "resolve-adopt"; readonly tenant: string }
  | { readonly kind: "resolve-forget"; readonly tenant: string }
  | { readonly kind: "resolve-rename"; readonly tenant: string }
  | { readonly kind: "rename-source"; readonly source: number }
  | { readonly kind: "add-report"; readonly source: number }
  | { readonly kind: "delete-twin"; readonly tenant: string }
  | { readonly kind: "rename-copy"; readonly tenant: string; readonly to: "other" | "namesake" }
  /** All tasks get new IDs under their old names: the source tasks too, or not. */
  | { readonly kind: "migrate"; readonly sources: boolean }
  | { readonly kind: "lose-log" };

/** A process, or only the disk under its log, stands still for a while. */
export interface Freeze {
  /** The step at which it stops. */
  readonly at: number;
  readonly what: "process" | "disk";
  /** How long: from then on, or from the moment when another process has taken the log over. */
  readonly ms: number;
  /** Somebody else takes the log over meanwhile, and the next run begins. */
  readonly overtaken: boolean;
}

export interface RunPlan {
  /** Milliseconds since the run before. */
  readonly gap: number;
  readonly acts: readonly PersonAct[];
  readonly rows: readonly Row[];
  readonly concurrency: number;
  readonly retries: number;
  readonly limit: number | undefined;
  readonly only: readonly string[];
  readonly adopt: boolean;
  readonly recreate: boolean;
  readonly verify: boolean;
  readonly newLog: boolean;
  readonly reportId: "row" | "report";
  readonly shareApps: boolean;
  readonly allowUnmapped: boolean;
  readonly maxFailures: number | undefined;
  readonly rehearsed: boolean;
  /** How often a write, and a read, goes wrong. */
  readonly writeFaults: number;
  readonly readFaults: number;
  /** How often a copy's reports come back empty, or without some rows. */
  readonly shortAnswers: number;
  /** The key sees no copy in this run, neither in the list nor by its ID. */
  readonly blind: boolean;
  /** The step at which the process dies, the signal comes, or the log's disk is full; `undefined`: never. */
  readonly crashAt: number | undefined;
  readonly signalAt: number | undefined;
  readonly secondSignalAt: number | undefined;
  readonly logBreaksAt: number | undefined;
  readonly freeze: Freeze | undefined;
}

/** All that decides how one simulated history goes, but for its seed's small choices. Data: it can be shrunk and printed. */
export interface History {
  readonly seed: number;
  readonly server: ServerProfile;
  readonly sources: number;
  readonly reports: number;
  /** The source tasks have their first report on a second row as well. */
  readonly secondRow: boolean;
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly runs: readonly RunPlan[];
  /** Faults that do not happen, by number: what shrinking takes away. */
  readonly without: readonly string[];
}

const TENANTS = ["Acme", "Globex", "Smith & Sons", "Café", "Škoda", "Hooli/Eastern Europe"];
export const APPS = 8;
const TEMPLATES = [
  "{task} - {tenant}",
  "{task} - {tenant}",
  "{task} - {tenant}",
  "{tenant}: {task}",
  "Report for {tenant}",
  "{tenant}",
  "{task} / {label}",
];

/** The history of a seed. */
export function historyOf(seed: number): History {
  const random = new Random(mixedSeed(seed, 1));
  const server = serverOf(random);
  const sources = random.chance(0.2) ? 2 : 1;
  const reports = random.pick([1, 1, 2, 3]);
  let rows = firstRows(random, sources, server);
  const runs: RunPlan[] = [];
  const count = random.pick([1, 2, 2, 3, 3, 4, 5, 6]);
  const calm = random.chance(0.15);
  for (let index = 0; index < count; index += 1) {
    if (index > 0 && random.chance(0.45)) rows = edited(random, rows, sources);
    const run = runOf(random, rows, { index, calm, sources });
    const isRenamed = index > 0 && random.chance(0.03);
    if (isRenamed) rows = renamed(random, rows);
    // As after a rename whose log stayed on another machine.
    runs.push(isRenamed ? { ...run, rows, acts: [{ kind: "lose-log" }], newLog: random.chance(0.2) } : run);
  }
  // A server that shows rows in part is met with reports that have two.
  const secondRow = random.chance(server.mappings === "some" || server.listsRowsOnce ? 0.6 : 0.2);
  return { seed, server, sources, reports, secondRow, settleMs: 1000, timeoutMs: 600, runs, without: [] };
}

function serverOf(random: Random): ServerProfile {
  return {
    list: random.weighted({ full: 70, cached: 12, late: 8, missing: 6, forbidden: 4 }),
    copies: random.weighted({ seen: 94, "not-listed": 3, unseen: 3 }),
    namesTotal: random.chance(0.1),
    mappings: random.weighted({ all: 66, some: 13, none: 21 }),
    listsRowsOnce: random.chance(0.1),
    hasTaskRoute: random.chance(0.85),
    hasReportsRoute: random.chance(0.95),
    names: random.weighted<NameRule>({
      "as-sent": 46,
      "refused-when-taken-409": 10,
      "refused-when-taken-400": 7,
      "suffix-when-taken": 8,
      "suffix-always": 4,
      "upper-case": 5,
      "trims-and-collapses": 5,
      cut: 5,
      "escapes-marks": 4,
      "latin-1": 4,
      "strips-accents": 4,
      "no-slashes": 4,
      "cut-at-14": 4,
    }),
    reportIds: random.weighted({ both: 55, row: 38, report: 7 }),
    patchWorks: random.chance(0.97),
    crossesAnswers: random.chance(0.08),
    honoursIdempotencyKey: random.chance(0.08),
    breaksItsWord: random.chance(0.12),
  };
}

function firstRows(random: Random, sources: number, server: ServerProfile): readonly Row[] {
  const count = random.pick([1, 1, 2, 2, 3, 3, 4]);
  const first = random.between(0, TENANTS.length - 1);
  const tenants = [...TENANTS.slice(first), ...TENANTS.slice(0, first)].slice(0, count);
  const template = random.pick(TEMPLATES);
  const named = !server.hasReportsRoute || random.chance(0.3);
  return tenants.map((tenant, index) => ({
    tenant,
    source: random.between(0, sources - 1),
    app: index,
    named,
    second: false,
    enabled: true,
    template,
    label: tenant,
    newTaskId: "none",
  }));
}

type Edit = (random: Random, rows: readonly Row[], sources: number) => readonly Row[];

const EDITS: readonly Edit[] = [
  // Another app.
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, app: freeApp(random, rows) })),
  // Another app for everybody.
  (random, rows) => rows.reduce((moved, row, at) => moved.with(at, { ...row, app: freeApp(random, moved) }), rows),
  // Two tenants swap their apps.
  (random, rows) => {
    if (rows.length < 2) return rows;
    const first = random.between(0, rows.length - 2);
    const [a, b] = [rows[first], rows[first + 1]];
    return rows.map((row) =>
      row === a && b !== undefined
        ? { ...row, app: b.app }
        : row === b && a !== undefined
          ? { ...row, app: a.app }
          : row,
    );
  },
  // Re-cased.
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, tenant: ` ${row.tenant.toUpperCase()} ` })),
  // Removed, or all but one.
  (random, rows) => (rows.length < 2 ? rows : rows.filter((row) => row !== random.pick(rows))),
  // One more, or one again that was removed.
  (random, rows) => {
    const missing = TENANTS.filter((tenant) => !rows.some((row) => folded(row.tenant) === folded(tenant)));
    const [model] = rows;
    if (missing.length === 0 || model === undefined) return rows;
    const tenant = random.pick(missing);
    return [...rows, { ...model, tenant, label: tenant, app: freeApp(random, rows), newTaskId: "none", enabled: true }];
  },
  // One more that takes an app which somebody else left.
  (random, rows) => {
    const missing = TENANTS.filter((tenant) => !rows.some((row) => folded(row.tenant) === folded(tenant)));
    const gone = rows.length > 1 ? random.pick(rows) : undefined;
    if (missing.length === 0 || gone === undefined) return rows;
    return [...rows.filter((row) => row !== gone), { ...gone, tenant: random.pick(missing) }];
  },
  // Another key for a customer whose copy keeps its name, and another app with it.
  (random, rows) => {
    const missing = TENANTS.filter((tenant) => !rows.some((row) => folded(row.tenant) === folded(tenant)));
    if (missing.length === 0) return rows;
    const tenant = random.pick(missing);
    const app = freeApp(random, rows);
    return changeOne(random, rows, (row) => ({ ...row, tenant, app, template: "{task} / {label}" }));
  },
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, enabled: !row.enabled })),
  (random, rows, sources) => changeOne(random, rows, (row) => ({ ...row, source: random.between(0, sources - 1) })),
  (random, rows) => {
    const template = random.pick(TEMPLATES);
    return rows.map((row) => ({ ...row, template }));
  },
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, second: !row.second })),
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, named: true })),
  (random, rows) => changeOne(random, rows, (row) => ({ ...row, newTaskId: random.pick(["own", "foreign", "none"]) })),
  // A column that slipped by one row.
  (_random, rows) => rows.map((row) => ({ ...row, newTaskId: "next" })),
  renamed,
  // Sorted otherwise.
  (_random, rows) => [...rows].reverse(),
];

/** One customer under another key, and so another name; all else of it stays. */
function renamed(random: Random, rows: readonly Row[]): readonly Row[] {
  return changeOne(random, rows, (row) => ({ ...row, tenant: `${row.tenant.trim()} Holding` }));
}

function edited(random: Random, rows: readonly Row[], sources: number): readonly Row[] {
  let changed = rows;
  for (let left = random.between(1, 2); left > 0; left -= 1) changed = random.pick(EDITS)(random, changed, sources);
  return changed;
}

function changeOne(random: Random, rows: readonly Row[], change: (row: Row) => Row): readonly Row[] {
  if (rows.length === 0) return rows;
  const chosen = random.pick(rows);
  return rows.map((row) => (row === chosen ? change(row) : row));
}

function freeApp(random: Random, rows: readonly Row[]): number {
  const free = Array.from({ length: APPS }, (_, index) => index).filter((app) => !rows.some((row) => row.app === app));
  return random.pick(free);
}

/** A key as this model compares it; the program has its own folding. */
export function folded(tenant: string): string {
  return tenant.trim().toLowerCase();
}

function runOf(
  random: Random,
  rows: readonly Row[],
  of: { readonly index: number; readonly calm: boolean; readonly sources: number },
): RunPlan {
  const faulty = !of.calm && random.chance(0.75);
  const mayStop = !of.calm;
  const crashes = mayStop && random.chance(0.35);
  const signalled = mayStop && !crashes && random.chance(0.12);
  const signalAt = signalled ? random.between(0, 60) : undefined;
  return {
    gap: random.pick([0, 1, 50, 500, 1500, 5000]),
    acts: of.index > 0 && random.chance(0.35) ? actsOf(random, of.sources, rows) : [],
    rows,
    concurrency: random.between(1, 4),
    retries: random.between(0, 3),
    limit: random.chance(0.12) ? random.between(0, 2) : undefined,
    only: random.chance(0.08) && rows[0] !== undefined ? [random.pick(rows).tenant.trim()] : [],
    adopt: random.chance(0.15),
    recreate: random.chance(0.2),
    verify: random.chance(0.25),
    newLog: random.chance(0.5),
    reportId: random.chance(0.06) ? "report" : "row",
    shareApps: random.chance(0.1),
    allowUnmapped: random.chance(0.1),
    maxFailures: random.chance(0.08) ? random.between(1, 2) : undefined,
    rehearsed: random.chance(0.15),
    writeFaults: faulty ? random.pick([0.1, 0.3, 0.5, 0.9]) : 0,
    readFaults: faulty && random.chance(0.5) ? random.pick([0.05, 0.2, 0.4]) : 0,
    shortAnswers: !of.calm && random.chance(0.15) ? random.pick([0.2, 0.6]) : 0,
    blind: mayStop && random.chance(0.04),
    crashAt: crashes ? random.between(0, random.pick([20, 40, 80])) : undefined,
    signalAt,
    secondSignalAt: signalAt !== undefined && random.chance(0.4) ? signalAt + random.between(0, 6) : undefined,
    logBreaksAt: mayStop && random.chance(0.05) ? random.between(1, 12) : undefined,
    freeze: mayStop && !crashes && random.chance(0.12) ? freezeOf(random) : undefined,
  };
}

function freezeOf(random: Random): Freeze {
  const overtaken = random.chance(0.7);
  return {
    at: random.between(5, random.pick([20, 40, 80])),
    what: random.chance(0.75) ? "process" : "disk",
    ms: random.pick(overtaken ? [0, 5, 50, 300, 1500, 1_000_000] : [50, 460, 700, 2000]),
    overtaken,
  };
}

function actsOf(random: Random, sources: number, rows: readonly Row[]): readonly PersonAct[] {
  // Those of the manifest, and one that it may have named before.
  const tenants = [...rows.map((row) => row.tenant.trim()), random.pick(TENANTS)];
  const act = actOf(random, sources, tenants);
  // Somebody makes the task by hand, and somebody else insists on another.
  if (act.kind === "make-foreign" && random.chance(0.3)) return [act, { kind: "resolve-retry", tenant: act.tenant }];
  return random.chance(0.15) ? [act, actOf(random, sources, tenants)] : [act];
}

function actOf(random: Random, sources: number, tenants: readonly string[]): PersonAct {
  const tenant = random.pick(tenants);
  const source = random.between(0, sources - 1);
  const kind = random.weighted<PersonAct["kind"]>({
    "delete-copy": 20,
    "edit-mapping": 10,
    "make-foreign": 12,
    "resolve-retry": 12,
    "resolve-adopt": 12,
    "resolve-forget": 8,
    "resolve-rename": 10,
    "rename-source": 6,
    "add-report": 6,
    "delete-twin": 8,
    "rename-copy": 8,
    migrate: 4,
    "lose-log": 4,
  });
  switch (kind) {
    case "rename-source":
    case "add-report":
      return { kind, source };
    case "lose-log":
      return { kind };
    case "migrate":
      return { kind, sources: random.chance(0.4) };
    case "make-foreign":
      return { kind, tenant, sameReports: random.chance(0.6) };
    case "rename-copy":
      return { kind, tenant, to: random.chance(0.5) ? "other" : "namesake" };
    default:
      return { kind, tenant };
  }
}
