import type { Host } from "../commands/host.js";
import type { Invocation } from "../commands/settings.js";
import { EXIT, type ExitCode } from "../shared/problems.js";

/**
 * Carries out a command, which writes its own answer and resolves to the exit code. It is loaded when it is called: starting
 * costs what is used.
 */
export async function carryOut(host: Host, { command, settings }: Invocation): Promise<ExitCode> {
  switch (command) {
    case "sync":
      return (await import("../commands/sync.js")).syncCommand(host, settings);
    case "validate":
      return (await import("../commands/validate.js")).validateCommand(host, settings);
    case "status":
      return (await import("../commands/status.js")).statusCommand(host, settings);
    case "resolve":
      return (await import("../commands/resolve.js")).resolveCommand(host, settings);
    case "doctor":
      return (await import("../commands/doctor.js")).doctorCommand(host, settings);
    case "init":
      return (await import("../commands/init.js")).initCommand(host, settings);
    case "sandbox":
      return (await import("../commands/sandbox.js")).sandboxCommand(host, settings);
    case "demo":
      return (await import("../commands/sandbox.js")).demoCommand(host, settings);
    case "schema":
      return (await import("../commands/validate.js")).schemaCommand(host);
    case "completion":
      await host.stdout.write((await import("./completion.js")).completionScript(settings.shell));
      return EXIT.ok;
    default:
      return command satisfies never;
  }
}
