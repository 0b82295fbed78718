import { checkResultFiles } from "../adapters/result-file.js";
import type { Refusal } from "../cli/commands.js";
import type { Host } from "../cli/host.js";
import { writeResultFiles } from "./result-files.js";

/** Writes the `--out` files of a command line that was refused, so that no old result is taken for this one's. */
export async function writeRefusal(host: Host, refusal: Refusal): Promise<void> {
  const targets = await checkResultFiles(
    refusal.files.map((file) => file.path),
    {
      protectedFiles: refusal.inputs.map((path) => ({ path, what: "an input of this command" })),
      platform: host.platform,
    },
  );
  await writeResultFiles(targets, refusal.result, undefined);
}
