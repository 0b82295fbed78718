import type { Host } from "../commands/host.js";
import type { CommandName, Invocation, SettingsOf } from "../commands/settings.js";
import type { ExitCode } from "../shared/problems.js";

type Command<N extends CommandName> = (host: Host, settings: SettingsOf[N]) => Promise<ExitCode>;
/** Each command, which writes its own answer and resolves to the exit code. It is loaded when it is called: starting costs what is used. */
const RUNNERS: { readonly [N in CommandName]: () => Promise<Command<N>> } = {
  sync: async () => (await import("../commands/sync.js")).syncCommand,
  drift: async () => (await import("../commands/sync.js")).syncCommand,
  validate: async () => (await import("../commands/validate.js")).validateCommand,
  status: async () => (await import("../commands/status.js")).statusCommand,
  resolve: async () => (await import("../commands/resolve.js")).resolveCommand,
  doctor: async () => (await import("../commands/doctor.js")).doctorCommand,
  init: async () => (await import("../commands/init.js")).initCommand,
  "log verify": async () => (await import("../commands/log.js")).logVerifyCommand,
  "log history": async () => (await import("../commands/log.js")).logHistoryCommand,
  "log copy": async () => (await import("../commands/log.js")).logCopyCommand,
  "log init": async () => (await import("../commands/log.js")).logInitCommand,
  sandbox: async () => (await import("../commands/sandbox.js")).sandboxCommand,
  demo: async () => (await import("../commands/sandbox.js")).demoCommand,
  schema: async () => (await import("../commands/validate.js")).schemaCommand,
  completion: async () => (await import("./completion.js")).completionCommand,
};

export async function carryOut<N extends CommandName>(host: Host, asked: Invocation<N>): Promise<ExitCode> {
  return (await RUNNERS[asked.command]())(host, asked.settings);
}
