import { readNamedFile } from "../files/read-file.js";
import { locate, parseServerUrl } from "../server/address.js";
import { createQalyptusApi } from "../server/api.js";
import { readApiKey, readAuthorities } from "../server/credentials.js";
import { type Problem, problem } from "../shared/problems.js";
import type { Emit } from "../shared/results.js";
import { systemChance, systemClock } from "../shared/time.js";
import type { Host, Tell } from "./host.js";
import type { ApiKeySetting, ConnectionSettings } from "./settings.js";

/** The server, open for one command. */
export type Connection = Awaited<ReturnType<typeof openConnection>>;

/** Opens the server; sends nothing yet. Throws a StopError (exit 2) for an address, key, authority or proxy of no use. */
export async function openConnection(
  host: Pick<Host, "env" | "readInput" | "version" | "redact">,
  settings: ConnectionSettings,
  emit: Emit,
  connections = 1,
) {
  const server = await locate(parseServerUrl(settings.server.text));
  const key = await readKey(host, settings.apiKey);
  host.redact(key);
  const { timeoutMs, retries, rate, insecure, allowHttp } = settings;
  const api = createQalyptusApi({
    server,
    key,
    version: host.version,
    timeoutMs,
    connections,
    retries,
    rate,
    authorities: await readAuthorities(settings.caFiles, host.env.NODE_EXTRA_CA_CERTS),
    insecure,
    proxyEnv: host.env,
    onRequest: (exchange) => emit({ kind: "request", ...exchange }),
    clock: systemClock,
    chance: systemChance,
  });
  const warnings: Problem[] = [];
  if (server.protocol === "http:" && !server.isLoopback && !allowHttp)
    warnings.push(problem("PLAIN_HTTP", `${server.origin} is plain http: the API key travels in the clear`));
  if (insecure) warnings.push(problem("INSECURE", "--insecure: whoever answers is trusted, and gets the API key"));
  return { server, api, warnings };
}

/** Opens the server, tells what it warns of, does some work with it, and closes it however that ends. */
export async function withConnection<T>(
  host: Parameters<typeof openConnection>[0],
  settings: ConnectionSettings,
  tell: Tell,
  work: (connection: Connection) => Promise<T>,
  connections = 1,
): Promise<T> {
  const connection = await openConnection(host, settings, tell.emit, connections);
  try {
    await tell.warn(connection.warnings);
    return await work(connection);
  } finally {
    await connection.api.close();
  }
}

async function readKey(host: Pick<Host, "readInput">, setting: ApiKeySetting): Promise<string> {
  if (setting.kind === "variable") return readApiKey(setting.name, setting.text);
  if (setting.path === "-") return readApiKey("standard input", await host.readInput());
  const hint = "Check --api-key-file, or set QALYPTUS_API_KEY";
  return readApiKey(setting.path, await readNamedFile(setting.path, "the API key file", "API_KEY", hint));
}
