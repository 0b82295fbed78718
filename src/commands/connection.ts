import { readWholeFile } from "../files/read-file.js";
import { systemChance, systemClock } from "../files/system-clock.js";
import { createQalyptusApi, type QalyptusApi } from "../server/api.js";
import { readApiKey, readAuthorities } from "../server/credentials.js";
import { parseServerUrl, type ServerUrl } from "../server/url.js";
import type { Emit } from "../shared/events.js";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import type { Host } from "./host.js";
import type { ApiKeySetting, ConnectionSettings } from "./settings.js";

/** The server, open for one command. */
export interface Connection {
  readonly server: ServerUrl;
  readonly api: QalyptusApi;
  readonly warnings: readonly Problem[];
}

/** Opens the server; sends nothing yet. Throws a StopError (exit 2) for an address, key, authority or proxy of no use. */
export async function openConnection(
  host: Pick<Host, "env" | "stdin" | "version" | "redact">,
  settings: ConnectionSettings,
  so: { readonly emit: Emit; readonly concurrency: number },
): Promise<Connection> {
  const server = parseServerUrl(settings.server.text);
  const key = await readKey(host, settings.apiKey);
  host.redact(key);
  const authorities = await readAuthorities(settings.caFiles, host.env.NODE_EXTRA_CA_CERTS);
  const api = createQalyptusApi({
    server,
    key,
    version: host.version,
    timeoutMs: settings.timeoutMs,
    connections: so.concurrency,
    retries: settings.retries,
    rate: settings.rate,
    authorities,
    insecure: settings.insecure,
    proxyEnv: host.env,
    onRequest: (exchange) => so.emit({ kind: "request", ...exchange }),
    clock: systemClock,
    chance: systemChance,
  });
  return { server, api, warnings: warningsOf(server, settings) };
}

async function readKey(host: Pick<Host, "stdin">, setting: ApiKeySetting): Promise<string> {
  switch (setting.kind) {
    case "variable":
      return readApiKey(setting);
    case "stdin":
      return readApiKey({ kind: "file", name: "standard input", bytes: await host.stdin.readAll() });
    case "file":
      return readApiKey({ kind: "file", name: setting.path, bytes: await readKeyFile(setting.path) });
    default:
      return setting satisfies never;
  }
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new StopError(
      EXIT.usage,
      {
        code: "API_KEY",
        message: `the API key file ${path} cannot be read (${code})`,
        hint: "Check --api-key-file, or set QALYPTUS_API_KEY",
        file: path,
      },
      { cause },
    );
  }
}

function warningsOf(server: ServerUrl, settings: ConnectionSettings): readonly Problem[] {
  const warnings: Problem[] = [];
  if (server.plainHttpToOtherHost)
    warnings.push({
      code: "PLAIN_HTTP",
      message: `${server.origin} is plain http: the API key travels in the clear`,
      hint: "Use https where the server offers it",
    });
  if (settings.insecure)
    warnings.push({
      code: "INSECURE",
      message: "--insecure: whoever answers is trusted, and gets the API key",
      hint: "Name the server's authority with --ca-file instead",
    });
  return warnings;
}
