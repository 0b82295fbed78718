import { rehearseSync, runSync } from "../../src/app/sync.js";
import { StopError } from "../../src/domain/errors.js";
import { LogState } from "../../src/domain/log-state.js";
import type { Core } from "./core.js";

/** The code under test as it is. */
export const INTACT: Core = { runSync, rehearseSync, LogState, StopError };
