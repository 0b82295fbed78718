import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CHECK_NAMES, type Check, diagnose, failed, passed, skipped, warned } from "../../src/shared/diagnosis.js";
import { EXIT, type ExitCode, foremostExitCode, type Problem } from "../../src/shared/problems.js";

const problem = (code: string, message = `${code} happened`): Problem => ({ code, message, hint: `mend ${code}` });
const of = (checks: readonly Check[], warnings: readonly Problem[] = []) =>
  diagnose("https://reports.example.com", checks, warnings);
const made = (checks: readonly Check[]) => checks.filter((check) => check.status !== "skipped");

describe("a diagnosis", () => {
  it("tells its checks in the order in which a sync needs them, however they were made", () => {
    const { checks } = of([passed("plan", "3 create"), passed("key", "accepted"), passed("server", "answers")]);
    expect(made(checks).map((check) => check.name)).toEqual(["server", "key", "plan"]);
  });

  it("tells each check that was not made as skipped", () => {
    const { checks } = of([passed("plan", "3 create")]);
    expect(checks.map((check) => check.name)).toEqual(CHECK_NAMES);
    expect(made(checks)).toHaveLength(1);
  });

  it("keeps several source tasks in the order in which they were looked for", () => {
    const { checks } = of([
      passed("source-task", "Weekly"),
      passed("server", "answers"),
      passed("source-task", "Monthly"),
    ]);
    expect(made(checks).map((check) => check.message)).toEqual(["answers", "Weekly", "Monthly"]);
  });

  it("ends with 0 where nothing failed, whatever was warned of or skipped", () => {
    const { exitCode } = of([warned("reports", [problem("NO_REPORTS")]), skipped("log", "none is named")]);
    expect(exitCode).toBe(EXIT.ok);
  });

  it("ends with the code that comes first by the contract", () => {
    const codes = fc.subarray<ExitCode>([EXIT.usage, EXIT.server, EXIT.log, EXIT.guard], { minLength: 1 });
    fc.assert(
      fc.property(fc.shuffledSubarray([...CHECK_NAMES], { minLength: 4 }), codes, (names, given) => {
        const checks = given.map((exitCode, at) =>
          failed(names[at] ?? "server", { exitCode, problems: [problem(`CODE_${exitCode}`)] }),
        );
        expect(of(checks).exitCode).toBe(foremostExitCode(given));
      }),
    );
  });

  it("tells a problem that two checks met once, and not as a warning where it is an error", () => {
    const refused = { exitCode: EXIT.server, problems: [problem("CERTIFICATE")] };
    const { errors, warnings } = of(
      [failed("server", refused), failed("task-list", refused), warned("key", refused.problems)],
      [problem("FLAG"), problem("FLAG")],
    );
    expect(errors.map((one) => one.code)).toEqual(["CERTIFICATE"]);
    expect(warnings.map((one) => one.code)).toEqual(["FLAG"]);
  });

  it("shows the first of many faults with its line, and how many more there are", () => {
    const faults = [{ ...problem("NOT_A_GUID", "no GUID"), line: 3 }, problem("A"), problem("B")];
    const check = failed("manifest", { exitCode: EXIT.usage, problems: faults });
    expect(check).toMatchObject({ message: "line 3: no GUID (and 2 more)", hint: "mend NOT_A_GUID" });
    expect(of([check]).errors).toHaveLength(3);
  });
});
