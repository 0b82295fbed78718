import type { Summary, TenantResult } from "./outcome.js";
import type { EndingSignal, Problem } from "./problems.js";

/** What a run tells while it goes on. Made by the use cases, read by `output`. */
export type RunEvent =
  /** The plan is made; what is to be done has the outcome `planned`, what is not has `succeeded`, `failed` or `skipped`. */
  | { readonly kind: "planned"; readonly summary: Summary }
  | { readonly kind: "warning"; readonly problem: Problem }
  /** Writes begin. `total`: tenants that this run carries out. */
  | { readonly kind: "started"; readonly total: number }
  /** A tenant is settled for this run. Told after its outcome is in the log. */
  | { readonly kind: "tenant"; readonly result: TenantResult }
  /** A step that takes a moment: "reading the task list". */
  | { readonly kind: "step"; readonly message: string }
  /** A wait begins; `reason` is for people. A countdown on a terminal. */
  | { readonly kind: "waiting"; readonly reason: string; readonly ms: number }
  /** An ID that could not be written to the log: must be shown at once, whatever the verbosity. */
  | {
      readonly kind: "unlogged";
      readonly tenant: string;
      readonly newTaskId?: string | undefined;
      readonly message: string;
    }
  /** A signal arrived: nothing new starts. */
  | { readonly kind: "stopping"; readonly signal: EndingSignal; readonly inFlight: number }
  /** One HTTP exchange, for `-v`. Never holds the key. */
  | {
      readonly kind: "request";
      readonly method: string;
      readonly path: string;
      readonly status: number | string;
      readonly ms: number;
      readonly requestId: string;
    };

export type Emit = (event: RunEvent) => void;
