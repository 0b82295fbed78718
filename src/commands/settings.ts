import type { PlanShape } from "../log/records.js";
import type { RunOptions } from "../run/run.js";
import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { ResultFile } from "../shared/results.js";

/** What standard output gets. */
export type OutputFormat = "human" | "json" | "ndjson";

/** How a command tells its answer. Every command has it. */
export interface OutputSettings {
  readonly format: OutputFormat;
  readonly verbosity: "quiet" | "normal" | "verbose";
  /** `--no-color` was given; the environment's wishes are the host's. */
  readonly noColor: boolean;
  readonly files: readonly ResultFile[];
}

/** The server as it was typed, and where. */
export interface ServerSetting {
  readonly text: string;
  readonly from: "--server" | "QALYPTUS_SERVER";
}

/** Where the API key is to be taken from; only the environment's is known already. */
export type ApiKeySetting =
  | { readonly kind: "variable"; readonly name: string; readonly text: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stdin" };

/** How to speak to the server. What may be missing here, `doctor` says. */
export interface GivenConnection {
  readonly server: ServerSetting | undefined;
  readonly apiKey: ApiKeySetting | undefined;
  readonly caFiles: readonly string[];
  readonly insecure: boolean;
  readonly timeoutMs: number;
  /** Further tries of what provably did nothing. */
  readonly retries: number;
  /** Requests a second; `undefined`: as many as the server answers. */
  readonly rate: number | undefined;
}

/** All that is needed to speak to the server. */
export interface ConnectionSettings extends GivenConnection {
  readonly server: ServerSetting;
  readonly apiKey: ApiKeySetting;
}

/** What every command is given. */
interface CommandSettings {
  readonly output: OutputSettings;
  /** What the command line itself warns of. */
  readonly warnings: readonly Problem[];
}

export interface SyncSettings extends CommandSettings {
  /** Not given only with `--resume` or `--plan`. */
  readonly manifest: string | undefined;
  readonly encoding: string | undefined;
  readonly idempotencyLog: string | undefined;
  /** `undefined` only with `--offline`. */
  readonly connection: ConnectionSettings | undefined;
  readonly shape: PlanShape;
  readonly run: RunOptions;
  readonly resume: boolean;
  readonly plan: string | undefined;
  readonly savePlan: string | undefined;
  readonly apps: string | undefined;
  readonly breakLock: string | undefined;
  readonly rebind: boolean;
}

export interface ValidateSettings extends CommandSettings, Pick<SyncSettings, "encoding" | "shape" | "apps"> {
  readonly manifest: string;
}

export interface StatusSettings
  extends CommandSettings,
    Pick<SyncSettings, "manifest" | "encoding" | "idempotencyLog"> {
  /** The source task of rows that name none. */
  readonly sourceTask: TaskId | undefined;
}

/** What `resolve` is to write down; only `task` reads the server. */
export type Resolution =
  | {
      readonly kind: "task";
      readonly tenant: string;
      readonly taskId: TaskId;
      /** The logged tenant that the task is taken from. */
      readonly from: string | undefined;
      readonly connection: ConnectionSettings;
    }
  | { readonly kind: "retry" | "forget"; readonly tenants: readonly string[] };

export interface ResolveSettings
  extends CommandSettings,
    Pick<SyncSettings, "manifest" | "idempotencyLog" | "breakLock"> {
  readonly resolution: Resolution;
  readonly sourceTask: TaskId | undefined;
  readonly reason: string | undefined;
  /** Where the log is new: what it is bound to. */
  readonly server: ServerSetting | undefined;
}

export interface DoctorSettings
  extends CommandSettings,
    Pick<SyncSettings, "manifest" | "encoding" | "idempotencyLog" | "shape" | "apps"> {
  readonly connection: GivenConnection;
  readonly newLog: boolean;
}

export interface InitSettings extends CommandSettings {
  readonly connection: ConnectionSettings;
  /** An ID or a name; `undefined`: ask on a terminal. */
  readonly sourceTask: string | undefined;
  readonly masterApp: string | undefined;
  readonly apps: string | undefined;
  /** `Sales - {tenant}` */
  readonly pattern: string | undefined;
  /** The manifest to write; `undefined`: standard output. */
  readonly file: string | undefined;
  readonly manifestFormat: "csv" | "json";
  readonly force: boolean;
}

export interface SandboxSettings extends CommandSettings {
  /** `undefined`: 3994, or any other where that is taken. */
  readonly port: number | undefined;
  readonly latencyMs: number;
  readonly state: string | undefined;
  /** From 0 to 1; 0 is none. */
  readonly chaos: number;
  /** As typed: the sandbox knows its faults. */
  readonly faults: readonly string[];
  readonly seed: number | undefined;
}

export interface DemoSettings extends CommandSettings {
  /** Leave the demo's folder (manifest, log, results) where it is. */
  readonly keep: boolean;
}

export interface CompletionSettings extends CommandSettings {
  readonly shell: "bash" | "zsh" | "fish" | "powershell";
}
