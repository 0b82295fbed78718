import type { rehearseSync, runSync } from "../../src/app/sync.js";
import type { StopError } from "../../src/domain/errors.js";
import type { LogState } from "../../src/domain/log-state.js";

/** The code under test, as it is or broken on purpose. */
export interface Core {
  readonly runSync: typeof runSync;
  readonly rehearseSync: typeof rehearseSync;
  readonly LogState: new () => LogState;
  readonly StopError: typeof StopError;
}
