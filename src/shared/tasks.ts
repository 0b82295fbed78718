import { type AppId, addTo, type ReportId, type RowId, type TaskId } from "./ids.js";

/** One app that a report reads, and the app it reads instead (`QlikAppId → NewQlikAppId`). */
export interface AppSwap {
  readonly qlikAppId: AppId;
  readonly newQlikAppId: AppId;
}

/** One report's mapping: `reportId` is the published report's ID, which source task and copies share. */
export interface Mapping extends AppSwap {
  readonly reportId: ReportId;
}

/** Whether two sets of swaps are the same set: neither the order nor one that comes twice counts. */
export function sameSwaps(a: readonly AppSwap[], b: readonly AppSwap[]): boolean {
  return swapsText(a) === swapsText(b);
}

function swapsText(swaps: readonly AppSwap[]): string {
  const texts = new Set(swaps.map(({ qlikAppId, newQlikAppId }) => `${qlikAppId}>${newQlikAppId}`));
  return [...texts].sort().join(",");
}

/** The mappings of each report, in the order in which the reports first come. */
export function byReport(mappings: readonly Mapping[]): ReadonlyMap<ReportId, readonly AppSwap[]> {
  const grouped = new Map<ReportId, AppSwap[]>();
  for (const { reportId, qlikAppId, newQlikAppId } of mappings) addTo(grouped, reportId, { qlikAppId, newQlikAppId });
  return grouped;
}

/** One task in the server's list: all that is held of it. */
export interface ListedTask {
  readonly id: TaskId;
  readonly name: string;
}

/** One report of a task as the server shows it. `mappings` is `undefined` where the server does not show them. */
export interface TaskReport {
  readonly rowId: RowId;
  readonly reportId: ReportId;
  readonly name?: string | undefined;
  readonly mappings?: readonly AppSwap[] | undefined;
}

/** What one look at the source task tells of whether a copy would mail by itself. `undefined`: the server does not show it. */
export interface MailSettings {
  readonly enabled: boolean | undefined;
  readonly testMode: boolean | undefined;
  /** Active triggers, each with the app it watches where it watches one. */
  readonly activeTriggers: readonly { readonly name: string; readonly appId: string | undefined }[] | undefined;
  readonly recipients: number | undefined;
}

/** A source task as it was read once for a run. `reports` is `undefined` where the server does not list them. */
export interface SourceTask {
  readonly id: TaskId;
  readonly name: string;
  readonly reports: readonly TaskReport[] | undefined;
  readonly mail: MailSettings;
}
