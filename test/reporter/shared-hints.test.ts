import { expect, test } from "vitest";
import { groupTroubles } from "../../src/reporter/problems.js";
import { commandLine, hintOf } from "../../src/shared/hints.js";
import { plannedTenant } from "../results/sample-results.js";

test("several tenants with one remedy get one command", () => {
  const goneOf = (tenant: string) =>
    plannedTenant("conflict", {
      tenant,
      error: {
        code: "GONE",
        message: "the copy is no longer on the server",
        hint: hintOf("Where the customer left:", commandLine("resolve", tenant, "--source-task", "S", "--forget")),
      },
    });
  const [group] = groupTroubles(["acme", "Müller & Söhne", "$x"].map(goneOf));
  expect(group?.shared?.hint).toBe(
    `Where the customer left:\n  qalyptus-propagate resolve acme "Müller & Söhne" '$x' --source-task S --forget`,
  );
});
