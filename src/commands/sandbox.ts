import { parseFault } from "../sandbox/fault-setting.js";
import { startSandbox } from "../sandbox/server.js";
import { describeStart } from "../sandbox/start-lines.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import type { Host } from "./host.js";
import type { SandboxSettings } from "./settings.js";

/** `sandbox`: a local stand-in for a Qalyptus server, until it is interrupted. */
export async function sandboxCommand(host: Host, settings: SandboxSettings): Promise<ExitCode> {
  const { port, latencyMs, seed, state: stateFile, chaos: share } = settings;
  const chaos = { share, faults: settings.faults.map((fault) => parseFault(fault)) };
  const onFailure = (error: unknown): void => {
    void host.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  const sandbox = await startSandbox({ port, latencyMs, stateFile, seed, chaos, onFailure });
  await host.stdout.write(`${describeStart(sandbox).join("\n")}\n`);
  const { requested } = host.interruption();
  if (!requested.aborted) await new Promise((resolve) => requested.addEventListener("abort", resolve, { once: true }));
  await sandbox.close();
  return EXIT.ok;
}
