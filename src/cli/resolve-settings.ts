import type { Resolution, ResolveSettings } from "../commands/settings.js";
import { foldTenantKey, trimAround } from "../shared/ids.js";
import { withoutUnseen } from "../shared/unfit-characters.js";
import { readConnection, requireConnection } from "./connection-settings.js";
import type { GivenOptions } from "./given-options.js";
import { OPTIONS } from "./option-table.js";
import { readOutput } from "./output-settings.js";
import { taskIdOption } from "./sync-settings.js";

const WAYS = [OPTIONS.taskId, OPTIONS.retry, OPTIONS.forget];

/** The settings of `resolve`. Throws all faults (exit 2). */
export function readResolve(given: GivenOptions, operands: readonly string[]): ResolveSettings {
  const tenants = tenantsOf(given, operands);
  const { server } = readConnection(given);
  refuseOtherThanOneWay(given);
  if (given.has(OPTIONS.from) && !given.has(OPTIONS.taskId))
    given.refuse({
      code: "OPTIONS_CONFLICT",
      message: "--from says whose task it was, so it needs --task-id",
      hint: "Write resolve NEW --task-id GUID --from OLD",
    });
  const settings = {
    server,
    sourceTask: taskIdOption(given, OPTIONS.sourceTask),
    reason: given.text(OPTIONS.reason),
    manifest: given.text(OPTIONS.manifest),
    idempotencyLog: given.text(OPTIONS.idempotencyLog),
    breakLock: given.text(OPTIONS.breakLock),
    output: readOutput(given, ["human", "json"]),
    warnings: given.warnings,
  };
  return { ...settings, resolution: resolutionOf(given, tenants) };
}

function tenantsOf(given: GivenOptions, operands: readonly string[]): readonly string[] {
  // A mark that was copied along unseen is no part of a key, and is not logged as one.
  const tenants = [...new Set(operands.map((word) => trimAround(withoutUnseen(word))))];
  if (tenants.some((tenant) => foldTenantKey(tenant) === ""))
    given.refuse({ code: "ARGUMENT_MISSING", message: "a tenant's key is empty", hint: "Write resolve TENANT" });
  return tenants;
}

function refuseOtherThanOneWay(given: GivenOptions): void {
  const chosen = WAYS.filter((option) => given.has(option)).map((option) => option.long);
  if (chosen.length === 0)
    given.refuse({
      code: "OPTION_MISSING",
      message: "resolve needs to know how",
      hint: "Give --task-id GUID (that task is the copy), --retry (create once more) or --forget (it holds nothing)",
    });
  if (chosen.length > 1)
    given.refuse({
      code: "OPTIONS_CONFLICT",
      message: `${chosen.join(" and ")} contradict each other`,
      hint: "Give one of them",
    });
}

function resolutionOf(given: GivenOptions, tenants: readonly string[]): Resolution {
  if (given.has(OPTIONS.taskId)) return taskResolution(given, tenants);
  given.throwFaults();
  return { kind: given.has(OPTIONS.retry) ? "retry" : "forget", tenants };
}

/** Only this way reads the server: the task must be there, and nobody else's. */
function taskResolution(given: GivenOptions, tenants: readonly string[]): Resolution {
  const taskId = taskIdOption(given, OPTIONS.taskId);
  const from = given.text(OPTIONS.from);
  const connection = requireConnection(given, "resolve");
  if (tenants.length > 1)
    given.refuse({
      code: "OPTIONS_CONFLICT",
      message: `--task-id is one tenant's copy, but ${tenants.length} tenants are given`,
      hint: "Resolve one tenant at a time; quote a key that has blanks in it",
    });
  return {
    kind: "task",
    tenant: given.sure(tenants[0]),
    taskId: given.sure(taskId),
    from,
    connection: given.sure(connection),
  };
}
