import type { SandboxSettings } from "../commands/settings.js";
import type { GivenOptions } from "./given-options.js";
import { OPTIONS } from "./option-table.js";
import { integerOption, parseDuration, refuseValue, shareOption } from "./option-values.js";
import { readOutput } from "./output-settings.js";

const MOST_PORT = 65_535;
const MOST_SEED = 2 ** 32 - 1;
const MOST_LATENCY_MS = 600_000;

/** The settings of `sandbox`. */
export function readSandbox(given: GivenOptions): SandboxSettings {
  return {
    port: integerOption(given, OPTIONS.port, { least: 0, most: MOST_PORT }),
    latencyMs: latencyOf(given),
    state: given.text(OPTIONS.state),
    chaos: shareOption(given, OPTIONS.chaos) ?? 0,
    faults: given.texts(OPTIONS.fault),
    seed: integerOption(given, OPTIONS.seed, { least: 0, most: MOST_SEED }),
    output: readOutput(given, []),
    warnings: given.warnings,
  };
}

/** Milliseconds, with or without their unit; or any other duration. */
function latencyOf(given: GivenOptions): number {
  const text = given.text(OPTIONS.latency);
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) : parseDuration(text);
  if (ms !== undefined && ms <= MOST_LATENCY_MS) return ms;
  refuseValue(given, OPTIONS.latency, {
    text,
    hint: "Give milliseconds or a duration up to 10m: --latency 20, --latency 1.5s",
  });
  return 0;
}
