import { createHash } from "node:crypto";

/**
 * The sandbox's world: a fixed one, which examples, docs and tests can name, or one that is made for somebody's own manifest.
 * A world's IDs are plain strings in lower case: the stand-in shares no parsing with the client that it is there to test.
 */

/** One connection, filter or condition of a report, and the Qlik Sense app that it was built on. */
export interface AppReader {
  readonly name: string;
  readonly appId: string;
}

export const MASTER_APP_ID = "11111111-0000-4000-8000-000000000001";
/** "Monthly Report": no trigger, so a copy of it mails nobody by itself. */
export const FIRST_SOURCE_TASK_ID = "aaaaaaaa-0000-4000-8000-000000000001";
/** "Weekly Sales": enabled, not in test mode, with active triggers and recipients, so a copy of it would mail by itself. */
export const SECOND_SOURCE_TASK_ID = "aaaaaaaa-0000-4000-8000-000000000002";

/** The ID of tenant app number `n`; those from 1 to 99,999 exist. */
export function tenantAppId(n: number): string {
  return `22222222-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** A report row's ID in a source task. Both numbers count from 1. */
export function sourceRowId(task: number, report: number): string {
  return `bbbbbbbb-000${task}-4000-8000-${String(report).padStart(12, "0")}`;
}

/** A published report's ID, which source task and copies share. Both numbers count from 1. */
export function publishedReportId(task: number, report: number): string {
  return `cccccccc-000${task}-4000-8000-${String(report).padStart(12, "0")}`;
}

type ReportText = readonly [name: string, formats: string, connections: string, filters: string, conditions: string];

/** The reports of source task number `task`, all built on the master apps. */
function reports(task: number, texts: readonly ReportText[], masterApps: readonly string[]) {
  const onMaster = (names: string): readonly AppReader[] =>
    names.split(", ").flatMap((name) => masterApps.map((appId) => ({ name, appId })));
  return texts.map(([name, formats, connections, filters, conditions], index) => ({
    rowId: sourceRowId(task, index + 1),
    reportId: publishedReportId(task, index + 1),
    name,
    outputFormats: formats.split(", "),
    connections: onMaster(connections),
    filters: onMaster(filters),
    conditions: onMaster(conditions),
  }));
}

export type WorldReport = ReturnType<typeof reports>[number];

/** One source task: enabled, not in test mode. Triggers and recipients are shown as they stand. */
export type WorldTask = ReturnType<typeof sourceTask>;

interface TaskTexts {
  readonly name: string;
  readonly description: string;
  readonly reports: readonly ReportText[];
  readonly people: readonly (readonly [name: string, email: string])[];
  readonly triggers: readonly (readonly [name: string, type: string, appId: string | null])[];
}

function sourceTask(task: number, masterApps: readonly string[]) {
  const { name, description, people, triggers, reports: texts } = TEXTS[task - 1] ?? TEXTS[0];
  return {
    id: task === 1 ? FIRST_SOURCE_TASK_ID : SECOND_SOURCE_TASK_ID,
    name,
    description,
    isActive: true,
    testMode: false,
    triggers: triggers.map(([title, type, appId], index) => {
      const id = `eeeeeeee-000${task}-4000-8000-00000000000${index + 1}`;
      return { id, name: title, type, isActive: true, appId: appId && (masterApps[0] ?? appId) };
    }),
    recipients: people.map(([person, email], index) => {
      return { id: `dddddddd-000${task}-4000-8000-00000000000${index + 1}`, name: person, email };
    }),
    reports: reports(task, texts, masterApps),
  };
}

const TEXTS: readonly [TaskTexts, TaskTexts] = [
  {
    name: "Monthly Report",
    description: "Month-end figures, built once on the master app",
    reports: [
      ["Profit and loss", "PDF", "Finance", "Current month, Booked entries", "Month is closed"],
      ["Cash position", "PDF, EXCEL", "Finance, Treasury", "Current month", "Balances are loaded"],
      ["Open invoices", "EXCEL", "Receivables", "Unpaid", "There is something unpaid"],
    ],
    people: [
      ["Report desk", "reports@example.com"],
      ["Finance", "finance@example.com"],
    ],
    triggers: [],
  },
  {
    name: "Weekly Sales",
    description: "Sales of the week, mailed when the master app has been reloaded",
    reports: [
      ["Sales by region", "PDF", "Sales", "Current week", "The week is complete"],
      ["Top customers", "PDF, PPT", "Sales, Customers", "Current week, Invoiced", "The week is complete"],
      ["Order book", "EXCEL", "Orders", "Not delivered", "There are open orders"],
    ],
    people: [
      ["Sales leads", "sales-leads@example.com"],
      ["Regional managers", "regions@example.com"],
      ["Board", "board@example.com"],
    ],
    triggers: [
      ["Every Monday at six", "Schedule", null],
      ["After the master app's reload", "Qlik event", MASTER_APP_ID],
    ],
  },
];

/** The source tasks that a sandbox starts with, unless it is given a manifest's. */
export const SOURCE_TASKS: readonly WorldTask[] = [1, 2].map((task) => sourceTask(task, [MASTER_APP_ID]));

/** A source task as a manifest names it. */
export interface NamedSource {
  readonly id: string;
  /** The apps that its rows replace. */
  readonly masterApps: readonly string[];
  /** Those that its rows name, by whichever of a report's two IDs; none: every report of the task is meant. */
  readonly reports: readonly string[];
  /** Copies that its rows name (`newTaskId`). */
  readonly copies: readonly { readonly id: string; readonly name: string }[];
}

/** What a sandbox knows. */
export interface World {
  readonly sourceTasks: readonly WorldTask[];
  readonly copies: readonly { readonly id: string; readonly name: string; readonly of: string }[];
  /** Whether an app exists on the Qlik Sense side. Gets a GUID in lower case. */
  readonly knowsApp: (appId: string) => boolean;
  /** Whose apps and source tasks they are, for a refusal. */
  readonly told: string;
}

export const USUAL_WORLD: World = {
  sourceTasks: SOURCE_TASKS,
  copies: [],
  knowsApp,
  told: "the sandbox knows its own only; it knows those of a manifest that it is started with (--manifest FILE)",
};

/** A world in which a manifest can be rehearsed: its source tasks and apps, and the sandbox's own apps. */
export function worldOf(file: string, sources: readonly NamedSource[], apps: Iterable<string>): World {
  const known = new Set(apps);
  const ownOf = ({ id, masterApps }: NamedSource): WorldTask | undefined => {
    const at = SOURCE_TASKS.findIndex((task) => task.id === id);
    return at < 0 ? undefined : sourceTask(at + 1, masterApps);
  };
  const named = sources.map((source) => ownOf(source) ?? madeFor(source));
  const isAllOwn = named.every(({ id }) => SOURCE_TASKS.some((task) => task.id === id));
  const others = isAllOwn ? SOURCE_TASKS.filter((task) => !named.some(({ id }) => id === task.id)) : [];
  return {
    sourceTasks: [...named, ...others],
    copies: sources.flatMap(({ id, copies }) => copies.map((copy) => ({ ...copy, of: id }))),
    knowsApp: (appId) => knowsApp(appId) || known.has(appId),
    told: `the sandbox knows its own, and those that ${file} named when it was started`,
  };
}

/** A report that a manifest names by an ID has that for its row's; where it names none, the task has three. */
function madeFor({ id, masterApps, reports: named }: NamedSource): WorldTask {
  const rows = named.length > 0 ? named : [1, 2, 3].map((n) => guidOf(`${id} report ${n}`));
  return {
    id,
    name: `Source task ${id.slice(0, 8)}`,
    description: "Made for the manifest that the sandbox was started with",
    isActive: false,
    testMode: false,
    triggers: [],
    recipients: [],
    reports: rows.map((rowId, index) => {
      const readers = masterApps.map((appId) => ({ name: "Figures", appId }));
      return {
        rowId,
        reportId: guidOf(`${rowId} published`),
        name: `Report ${index + 1}`,
        outputFormats: ["PDF"],
        connections: readers,
        filters: readers,
        conditions: [],
      };
    }),
  };
}

function guidOf(words: string): string {
  const hex = createHash("sha256").update(words).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{3})(.{3})(.{12}).*/, "$1-$2-4$3-8$4-$5");
}

function knowsApp(appId: string): boolean {
  return appId === MASTER_APP_ID || /^22222222-0000-4000-8000-0{7}(?!0{5})\d{5}$/.test(appId);
}
