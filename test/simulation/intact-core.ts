import { LogState } from "../../src/log/state.js";
import { dryRunSync, runSync } from "../../src/run/sync.js";
import { StopError } from "../../src/shared/problems.js";
import type { Core } from "./core.js";

/** The code under test as it is. */
export const INTACT: Core = { runSync, dryRunSync, LogState, StopError };
