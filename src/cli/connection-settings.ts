import type { ApiKeySetting, ConnectionSettings, GivenConnection, ServerSetting } from "../commands/settings.js";
import { commandSpec } from "./command-table.js";
import type { GivenOptions } from "./given-options.js";
import type { CommandName } from "./option-spec.js";
import { OPTIONS } from "./option-table.js";
import { durationOption, integerOption, rateOption } from "./option-values.js";

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_RETRIES = 4;

/** The connection as far as it was given: flags win over the environment. */
export function readConnection(given: GivenOptions): GivenConnection {
  return {
    server: serverOf(given),
    apiKey: apiKeyOf(given),
    caFiles: given.texts(OPTIONS.caFile),
    insecure: given.has(OPTIONS.insecure),
    timeoutMs: durationOption(given, OPTIONS.timeout, 1) ?? DEFAULT_TIMEOUT_MS,
    retries: integerOption(given, OPTIONS.retries, { least: 0, most: 1000 }) ?? DEFAULT_RETRIES,
    rate: rateOption(given, OPTIONS.rate),
  };
}

/** The whole connection; what is missing is a fault, and then there is none. */
export function requireConnection(given: GivenOptions, command: CommandName): ConnectionSettings | undefined {
  const { server, apiKey, ...rest } = readConnection(given);
  if (server === undefined)
    given.refuse({
      code: "SERVER_MISSING",
      message: `${command} needs the server's address`,
      hint: `Give --server URL, or set QALYPTUS_SERVER${wayWithout(command)}`,
    });
  if (apiKey === undefined)
    given.refuse({
      code: "API_KEY_MISSING",
      message: `${command} needs an API key`,
      hint: `Set QALYPTUS_API_KEY, or give --api-key-file FILE (- for standard input)${wayWithout(command)}`,
    });
  return server === undefined || apiKey === undefined ? undefined : { ...rest, server, apiKey };
}

function wayWithout(command: CommandName): string {
  const canBeOffline = commandSpec(command).options.some((option) => option.long === OPTIONS.offline.long);
  return canBeOffline ? "; --dry-run --offline needs neither" : "";
}

function serverOf(given: GivenOptions): ServerSetting | undefined {
  const flag = given.text(OPTIONS.server);
  if (flag !== undefined) return { text: flag, from: "--server" };
  const variable = given.env.QALYPTUS_SERVER ?? "";
  return variable.trim() === "" ? undefined : { text: variable, from: "QALYPTUS_SERVER" };
}

function apiKeyOf(given: GivenOptions): ApiKeySetting | undefined {
  const path = given.text(OPTIONS.apiKeyFile);
  if (path !== undefined) return path === "-" ? { kind: "stdin" } : { kind: "file", path };
  const text = given.env.QALYPTUS_API_KEY ?? "";
  return text.trim() === "" ? undefined : { kind: "variable", name: "QALYPTUS_API_KEY", text };
}
