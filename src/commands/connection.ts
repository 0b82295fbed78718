import { MOST_BYTES } from "../files/open-file.js";
import { statOf } from "../files/paths.js";
import { readInput, readNamedFile } from "../files/read-file.js";
import { locate, parseServerUrl } from "../server/address.js";
import { createQalyptusApi } from "../server/api.js";
import { readApiKey, readAuthorities } from "../server/credentials.js";
import { EXIT, type Problem, problem, stopError } from "../shared/problems.js";
import { shellWord } from "../shared/quoting.js";
import type { Emit } from "../shared/results.js";
import { systemChance, systemClock } from "../shared/time.js";
import type { Host, Tell } from "./host.js";
import type { ApiKeySetting, ConnectionSettings } from "./settings.js";

/** The server, open for one command. */
export type Connection = Awaited<ReturnType<typeof openConnection>>;

/** Opens the server; sends nothing yet. Throws a StopError (exit 2) for an address, key, authority or proxy of no use. */
export async function openConnection(
  host: Pick<Host, "env" | "input" | "version" | "secrets" | "platform">,
  settings: ConnectionSettings,
  emit: Emit,
  connections = 1,
) {
  const server = await locate(parseServerUrl(settings.server.text));
  const warnings: Problem[] = [];
  const key = await readKey(host, settings.apiKey, warnings);
  host.secrets.add(key);
  if (host.secrets.isIn(server.identity))
    throw stopError(EXIT.usage, "KEY_IN_NAME", "the server's address holds the API key");
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
    onSent: (request) => emit({ kind: "sent", ...request }),
    onPause: (reason, ms) => emit({ kind: "waiting", reason, ms }),
    onRequest: (exchange) => emit({ kind: "request", ...exchange }),
    clock: systemClock,
    chance: systemChance,
  });
  if (server.protocol === "http:" && !server.isLoopback && !allowHttp)
    warnings.push(problem("PLAIN_HTTP", `${server.origin} is plain http: the API key travels in the clear`));
  if (insecure)
    warnings.push(problem("INSECURE", "--insecure: whoever answers as the server is trusted, and gets the API key"));
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

/** A name that a person gives to a file; a key is none. */
const FILE_NAME = /^\.{0,2}[\\/]|^[a-z]:[\\/]|^~[\\/]|\.(?:key|txt|pem|token|secret|api|conf|cfg|ini|env|json)$/i;

async function readKey(
  { input, platform, secrets }: Pick<Host, "input" | "platform" | "secrets">,
  setting: ApiKeySetting,
  warnings: Problem[],
): Promise<string> {
  if (setting.kind === "variable") return readApiKey(setting.name, setting.text);
  const { path } = setting;
  const named = { what: "the API key file", code: "API_KEY", most: MOST_BYTES.key } as const;
  if (path === "-") {
    const what = "the API key";
    return readApiKey("standard input", await readInput(input(), { ...named, what }));
  }
  // Somebody may have given the key itself.
  const isPerhapsKey = statOf(path) === undefined && !FILE_NAME.test(path);
  if (isPerhapsKey) secrets.add(path);
  const hint = isPerhapsKey
    ? "Give --api-key-file the name of a file. If that was the key itself, make a new one: arguments are public"
    : "Check --api-key-file, or set QALYPTUS_API_KEY";
  const { bytes, mode } = await readNamedFile(path, { ...named, hint });
  if (platform !== "win32" && mode !== undefined && (mode & 0o077) !== 0) {
    const message = `the API key file ${path} may be read by other users of this machine`;
    warnings.push(
      problem("API_KEY_FILE", message, {
        file: path,
        hint: `Give it to its owner alone: chmod 600 ${shellWord(path)}`,
      }),
    );
  }
  return readApiKey(path, bytes);
}
