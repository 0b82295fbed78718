import type { LogState } from "../../src/log/state.js";
import type { rehearseSync, runSync } from "../../src/run/sync.js";
import type { StopError } from "../../src/shared/problems.js";

/** The code under test, as it is or broken on purpose. */
export interface Core {
  readonly runSync: typeof runSync;
  readonly rehearseSync: typeof rehearseSync;
  readonly LogState: new () => LogState;
  readonly StopError: typeof StopError;
}
