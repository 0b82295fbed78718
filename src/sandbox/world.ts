/**
 * The sandbox's fixed world: what every start of it knows, so that examples, docs and tests can name it.
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

/** The reports of source task number `task`, all built on the master app. */
function reports(task: number, texts: readonly ReportText[]) {
  const onMaster = (names: string): readonly AppReader[] =>
    names.split(", ").map((name) => ({ name, appId: MASTER_APP_ID }));
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

function sourceTask(task: number, { name, description, people, triggers, reports: texts }: TaskTexts) {
  return {
    id: task === 1 ? FIRST_SOURCE_TASK_ID : SECOND_SOURCE_TASK_ID,
    name,
    description,
    isActive: true,
    testMode: false,
    triggers: triggers.map(([title, type, appId], index) => {
      return { id: `eeeeeeee-000${task}-4000-8000-00000000000${index + 1}`, name: title, type, isActive: true, appId };
    }),
    recipients: people.map(([person, email], index) => {
      return { id: `dddddddd-000${task}-4000-8000-00000000000${index + 1}`, name: person, email };
    }),
    reports: reports(task, texts),
  };
}

/** The source tasks that every sandbox starts with. */
export const SOURCE_TASKS: readonly WorldTask[] = [
  sourceTask(1, {
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
  }),
  sourceTask(2, {
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
  }),
];

/** Whether an app exists on the Qlik Sense side. Gets a GUID in lower case. */
export function knowsApp(appId: string): boolean {
  return appId === MASTER_APP_ID || /^22222222-0000-4000-8000-0{7}(?!0{5})\d{5}$/.test(appId);
}
