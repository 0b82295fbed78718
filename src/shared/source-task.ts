import type { ReportId, RowId, TaskId } from "./ids.js";
import type { AppSwap } from "./mapping.js";

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
