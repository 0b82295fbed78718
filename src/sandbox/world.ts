/**
 * The sandbox's fixed world: what every start of it knows, so that examples, docs and tests can name it.
 * A world's IDs are plain strings in lower case: the stand-in shares no parsing with the client that it is there to test.
 */

/** One connection, filter or condition of a report, and the Qlik Sense app that it was built on. */
export interface AppReader {
  readonly name: string;
  readonly appId: string;
}

/** One report of a source task. */
export interface WorldReport {
  readonly rowId: string;
  readonly reportId: string;
  readonly name: string;
  readonly description: string;
  readonly outputFormats: readonly string[];
  readonly connections: readonly AppReader[];
  readonly filters: readonly AppReader[];
  readonly conditions: readonly AppReader[];
}

/** What starts a task by itself. */
export interface WorldTrigger {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly isActive: boolean;
  readonly frequency: string | null;
  readonly appId: string | null;
  readonly eventType: string | null;
}

/** Whom a task mails. */
export interface WorldRecipient {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** One source task. */
export interface WorldTask {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly isActive: boolean;
  readonly testMode: boolean;
  readonly triggers: readonly WorldTrigger[];
  readonly recipients: readonly WorldRecipient[];
  readonly reports: readonly WorldReport[];
}

/** All that a sandbox starts with. A test may bring its own. */
export interface World {
  readonly key: string;
  readonly masterAppId: string;
  /** Whether an app exists on the Qlik Sense side. Gets a GUID in lower case. */
  readonly knowsApp: (appId: string) => boolean;
  readonly tasks: readonly WorldTask[];
}

const SANDBOX_KEY = "sandbox-key-not-a-secret";
export const MASTER_APP_ID = "11111111-0000-4000-8000-000000000001";
/** "Monthly Report": no trigger, so a copy of it mails nobody by itself. */
export const FIRST_SOURCE_TASK_ID = "aaaaaaaa-0000-4000-8000-000000000001";
/** "Weekly Sales": enabled, not in test mode, with active triggers and recipients, so a copy of it would mail by itself. */
export const SECOND_SOURCE_TASK_ID = "aaaaaaaa-0000-4000-8000-000000000002";

/** The tenant apps that exist are numbered from 1 to this. */
const TENANT_APP_COUNT = 99_999;
const TENANT_APP = /^22222222-0000-4000-8000-(\d{12})$/;

/** The ID of tenant app number `n`, from 1 to {@link TENANT_APP_COUNT}. */
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

function knowsApp(appId: string): boolean {
  if (appId === MASTER_APP_ID) return true;
  const number = Number(TENANT_APP.exec(appId)?.[1] ?? 0);
  return number >= 1 && number <= TENANT_APP_COUNT;
}

const onMaster = (name: string): AppReader => ({ name, appId: MASTER_APP_ID });

function report(
  task: number,
  index: number,
  of: {
    readonly name: string;
    readonly description: string;
    readonly outputFormats: readonly string[];
    readonly connections: readonly string[];
    readonly filters: readonly string[];
    readonly conditions: readonly string[];
  },
): WorldReport {
  return {
    rowId: sourceRowId(task, index),
    reportId: publishedReportId(task, index),
    name: of.name,
    description: of.description,
    outputFormats: of.outputFormats,
    connections: of.connections.map(onMaster),
    filters: of.filters.map(onMaster),
    conditions: of.conditions.map(onMaster),
  };
}

const MONTHLY_REPORT: WorldTask = {
  id: FIRST_SOURCE_TASK_ID,
  name: "Monthly Report",
  description: "Month-end figures, built once on the master app",
  isActive: true,
  testMode: false,
  triggers: [],
  recipients: [
    { id: "dddddddd-0001-4000-8000-000000000001", name: "Report desk", email: "reports@example.com" },
    { id: "dddddddd-0001-4000-8000-000000000002", name: "Finance", email: "finance@example.com" },
  ],
  reports: [
    report(1, 1, {
      name: "Profit and loss",
      description: "One page, month and year to date",
      outputFormats: ["PDF"],
      connections: ["Finance"],
      filters: ["Current month", "Booked entries"],
      conditions: ["Month is closed"],
    }),
    report(1, 2, {
      name: "Cash position",
      description: "Balances by account",
      outputFormats: ["PDF", "EXCEL"],
      connections: ["Finance", "Treasury"],
      filters: ["Current month"],
      conditions: ["Balances are loaded"],
    }),
    report(1, 3, {
      name: "Open invoices",
      description: "What is due, by age",
      outputFormats: ["EXCEL"],
      connections: ["Receivables"],
      filters: ["Unpaid"],
      conditions: ["There is something unpaid"],
    }),
  ],
};

const WEEKLY_SALES: WorldTask = {
  id: SECOND_SOURCE_TASK_ID,
  name: "Weekly Sales",
  description: "Sales of the week, mailed when the master app has been reloaded",
  isActive: true,
  testMode: false,
  triggers: [
    {
      id: "eeeeeeee-0002-4000-8000-000000000001",
      name: "Every Monday at six",
      type: "Schedule",
      isActive: true,
      frequency: "Weekly",
      appId: null,
      eventType: null,
    },
    {
      id: "eeeeeeee-0002-4000-8000-000000000002",
      name: "After the master app's reload",
      type: "Qlik event",
      isActive: true,
      frequency: null,
      appId: MASTER_APP_ID,
      eventType: "AppReloaded",
    },
  ],
  recipients: [
    { id: "dddddddd-0002-4000-8000-000000000001", name: "Sales leads", email: "sales-leads@example.com" },
    { id: "dddddddd-0002-4000-8000-000000000002", name: "Regional managers", email: "regions@example.com" },
    { id: "dddddddd-0002-4000-8000-000000000003", name: "Board", email: "board@example.com" },
  ],
  reports: [
    report(2, 1, {
      name: "Sales by region",
      description: "The week against the plan",
      outputFormats: ["PDF"],
      connections: ["Sales"],
      filters: ["Current week"],
      conditions: ["The week is complete"],
    }),
    report(2, 2, {
      name: "Top customers",
      description: "The twenty largest",
      outputFormats: ["PDF", "PPT"],
      connections: ["Sales", "Customers"],
      filters: ["Current week", "Invoiced"],
      conditions: ["The week is complete"],
    }),
    report(2, 3, {
      name: "Order book",
      description: "Open orders by delivery date",
      outputFormats: ["EXCEL"],
      connections: ["Orders"],
      filters: ["Not delivered"],
      conditions: ["There are open orders"],
    }),
  ],
};

/** The world that `sandbox` and `demo` start with. */
export const SANDBOX_WORLD: World = {
  key: SANDBOX_KEY,
  masterAppId: MASTER_APP_ID,
  knowsApp,
  tasks: [MONTHLY_REPORT, WEEKLY_SALES],
};
