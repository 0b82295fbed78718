import type { LogState } from "../../src/log/state.js";
import type { dryRunSync, runSync } from "../../src/run/sync.js";
import type { StopError } from "../../src/shared/problems.js";

/** The code under test, as it is or broken on purpose. */
export interface Core {
  readonly runSync: typeof runSync;
  readonly dryRunSync: typeof dryRunSync;
  readonly LogState: new () => LogState;
  readonly StopError: typeof StopError;
}
