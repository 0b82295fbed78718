import type { Host } from "../commands/host.js";
import type { Problem } from "../shared/problems.js";

/** What is told of an exception that nobody expected. */
export function defectOf(error: unknown, host: Pick<Host, "version" | "platform">): Problem {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: "DEFECT",
    message: `a defect in this program: ${what}`,
    hint: `Run the same command again: what was written is in the log. Please report it with qalyptus-propagate ${host.version}, ${host.platform}, and what -v adds`,
  };
}
