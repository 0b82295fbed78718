import * as z from "zod";
import { codeOf } from "../files/paths.js";
import { readWholeFile } from "../files/read-file.js";
import { writeAtomically } from "../files/write-file.js";
import { PLAN_SHAPE, type PlanShape } from "../log/records.js";
import type { ProblemCode } from "../shared/codes.js";
import { EXIT, problem, StopError } from "../shared/problems.js";
import { isSealed } from "./saved-plan.js";

const SAVED_TENANT = z.strictObject({
  sourceTaskId: z.string().nullable(),
  key: z.string(),
  tenant: z.string(),
  action: z.string(),
  name: z.string().nullable(),
  newTaskId: z.string().nullable(),
  mappings: z
    .array(z.strictObject({ reportId: z.string(), qlikAppId: z.string(), newQlikAppId: z.string() }).readonly())
    .readonly(),
});

/** The options that shape the plan, as a run's record has them. */
const SHAPE: z.ZodType<PlanShape> = z.strictObject(PLAN_SHAPE.shape);

/** A saved plan's file. Loaded only where a plan is read or written: starting costs what is used. */
const SAVED_PLAN = z
  .strictObject({
    format: z.literal("qalyptus-propagate-plan"),
    version: z.literal(1),
    savedAt: z.string(),
    server: z.string(),
    /** Paths as they were given: relative ones are found from the folder that the plan is carried out in. */
    manifest: z.strictObject({ path: z.string(), sha256: z.string(), encoding: z.string().optional() }).readonly(),
    logFile: z.string(),
    log: z.strictObject({ path: z.string(), seq: z.number(), digest: z.string() }).readonly().nullable(),
    apps: z.string().optional(),
    /** The plan was made from what every copy showed: carried out from less, it would be another. */
    verify: z.boolean().optional(),
    shape: SHAPE,
    tenants: z.array(SAVED_TENANT.readonly()).readonly(),
    digest: z.string(),
  })
  .readonly();

/** A dry run's plan as `--save-plan` keeps it. `digest` is SHA-256 over everything else: an edited file shows. */
export type SavedPlan = z.infer<typeof SAVED_PLAN>;

/** Writes a plan whole or not at all. Throws a StopError (exit 2) where the disk refuses. */
export async function writeSavedPlan(path: string, plan: SavedPlan): Promise<void> {
  try {
    await writeAtomically(path, [JSON.stringify(plan, undefined, 2), "\n"]);
  } catch (cause) {
    throw diskRefuses("PLAN_UNWRITABLE", `the plan cannot be written to ${path}`, { path, cause });
  }
}

/** Reads a saved plan. Throws a StopError: exit 2 where there is none, exit 7 where it was edited or is no plan. */
export async function readSavedPlan(path: string): Promise<SavedPlan> {
  const parsed = SAVED_PLAN.safeParse(parseJson(await readText(path)));
  if (parsed.success && isSealed(parsed.data)) return parsed.data;
  const what = parsed.success
    ? `the plan ${path} was changed after it was saved`
    : `${path} is no plan that --save-plan wrote`;
  throw new StopError(EXIT.guard, problem("PLAN_EDITED", what, { file: path }));
}

async function readText(path: string): Promise<string> {
  try {
    return (await readWholeFile(path)).toString("utf8");
  } catch (cause) {
    throw diskRefuses("PLAN_UNREADABLE", `the plan ${path} cannot be read`, { path, cause });
  }
}

/** `undefined` for what is no JSON: it is then no plan either. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function diskRefuses(
  code: ProblemCode,
  what: string,
  { path, cause }: { readonly path: string; readonly cause: unknown },
): StopError {
  const why = codeOf(cause) || "unknown error";
  return new StopError(EXIT.usage, problem(code, `${what} (${why})`, { file: path }), { cause });
}
