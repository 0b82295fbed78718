import type { CommandHandlers } from "./cli/shell.js";
import type { Host } from "./commands/host.js";
import { EXIT } from "./shared/problems.js";

/** Binds each command to the machine it runs on. A command is loaded when it is called: starting costs what is used. */
export function createHandlers(host: Host): CommandHandlers {
  return {
    sync: async (settings) => (await import("./commands/sync.js")).syncCommand(host, settings),
    validate: async (settings) => (await import("./commands/validate.js")).validateCommand(host, settings),
    status: async (settings) => (await import("./commands/status.js")).statusCommand(host, settings),
    resolve: async (settings) => (await import("./commands/resolve.js")).resolveCommand(host, settings),
    doctor: async (settings) => (await import("./commands/doctor.js")).doctorCommand(host, settings),
    init: async (settings) => (await import("./commands/init.js")).initCommand(host, settings),
    sandbox: async (settings) => (await import("./commands/sandbox.js")).sandboxCommand(host, settings),
    demo: async (settings) => (await import("./commands/sandbox.js")).demoCommand(host, settings),
    schema: async () => (await import("./commands/validate.js")).schemaCommand(host),
    completion: async ({ shell }) => {
      await host.stdout.write((await import("./cli/completion.js")).completionScript(shell));
      return EXIT.ok;
    },
    writeRefusal: async (refusal) => (await import("./commands/telling.js")).writeRefusal(host, refusal),
  };
}
