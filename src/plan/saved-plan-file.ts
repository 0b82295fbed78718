import { codeOf } from "../files/paths.js";
import { readWholeFile } from "../files/read-file.js";
import { writeAtomically } from "../files/write-file.js";
import { EXIT, StopError } from "../shared/problems.js";
import { isSealed, type SavedPlan } from "./saved-plan.js";
import { SAVED_PLAN } from "./saved-plan-schema.js";

/** Writes a plan whole or not at all. Throws a StopError (exit 2) where the disk refuses. */
export async function writeSavedPlan(path: string, plan: SavedPlan): Promise<void> {
  try {
    await writeAtomically(path, planPieces(plan));
  } catch (cause) {
    throw new StopError(
      EXIT.usage,
      {
        code: "PLAN_UNWRITABLE",
        message: `the plan cannot be written to ${path} (${codeOf(cause) || "unknown error"})`,
        hint: "Check --save-plan: the folder must exist and be writable",
        file: path,
      },
      { cause },
    );
  }
}

const TENANTS_AT_ONCE = 500;
/** Where they stand: no text in JSON has a line break of its own, and everything else stands further in. */
const NO_TENANTS = '\n  "tenants": []';

/** The file's text, indented by two, some tenants at a time: the whole text of 200,000 would be 100 MB. */
export function* planPieces(plan: SavedPlan): Generator<string> {
  const around = JSON.stringify({ ...plan, tenants: [] }, undefined, 2);
  const place = plan.tenants.length === 0 ? around.length : around.indexOf(NO_TENANTS) + NO_TENANTS.length - 1;
  yield around.slice(0, place);
  for (let at = 0; at < plan.tenants.length; at += TENANTS_AT_ONCE) {
    const some = JSON.stringify({ _: plan.tenants.slice(at, at + TENANTS_AT_ONCE) }, undefined, 2);
    // Between the brackets, at the depth at which they stand in the plan too.
    yield `${at === 0 ? "" : ","}${some.slice(some.indexOf("[") + 1, some.lastIndexOf("]")).trimEnd()}`;
  }
  yield `${plan.tenants.length === 0 ? "" : "\n  "}${around.slice(place)}\n`;
}

/** Reads a saved plan. Throws a StopError: exit 2 where there is none, exit 7 where it was edited or is no plan. */
export async function readSavedPlan(path: string): Promise<SavedPlan> {
  const text = await readText(path);
  const parsed = SAVED_PLAN.safeParse(parseJson(text));
  if (parsed.success && isSealed(parsed.data)) return parsed.data;
  throw new StopError(EXIT.guard, {
    code: "PLAN_EDITED",
    message: parsed.success
      ? `the plan ${path} was changed after it was saved`
      : `${path} is no plan that --save-plan wrote`,
    hint: "Make the plan anew with --dry-run --save-plan, and have it reviewed again",
    file: path,
  });
}

async function readText(path: string): Promise<string> {
  try {
    return (await readWholeFile(path)).toString("utf8");
  } catch (cause) {
    throw new StopError(
      EXIT.usage,
      {
        code: "PLAN_UNREADABLE",
        message: `the plan ${path} cannot be read (${codeOf(cause) || "unknown error"})`,
        hint: "Check --plan",
        file: path,
      },
      { cause },
    );
  }
}

/** `undefined` for what is no JSON: it is then no plan either. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
