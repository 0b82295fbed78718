import { parseFault } from "../sandbox/fault-setting.js";
import { startSandbox } from "../sandbox/server.js";
import { describeStart } from "../sandbox/start-lines.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import type { Host } from "./host.js";
import type { SandboxSettings } from "./settings.js";

/** `sandbox`: a local stand-in for a Qalyptus server, until it is interrupted. */
export async function sandboxCommand(host: Host, settings: SandboxSettings): Promise<ExitCode> {
  const sandbox = await startSandbox({
    port: settings.port,
    latencyMs: settings.latencyMs,
    stateFile: settings.state,
    seed: settings.seed,
    onFailure: (error) => void host.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`),
    chaos: { share: settings.chaos, faults: settings.faults.map((fault) => parseFault(fault)) },
  });
  await host.stdout.write(`${describeStart(sandbox).join("\n")}\n`);
  const { requested } = host.interruption();
  if (!requested.aborted)
    await new Promise<void>((resolve) => requested.addEventListener("abort", () => resolve(), { once: true }));
  await sandbox.close();
  return EXIT.ok;
}
