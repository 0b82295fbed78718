import { describe, expect, it } from "vitest";
import { type CopyName, checkCopyNames, renderName, usesTaskName } from "../../src/manifest/names.js";
import { MONTHLY, taskId, WEEKLY } from "../support/manifests.js";

const columns = new Map([
  ["tenant", "acme"],
  ["newQlikAppId", "an-app"],
  ["regionname", "EMEA"],
  ["empty", ""],
]);
const render = (template: string, task: string | undefined = "Monthly Report") =>
  renderName(template, { tenant: "acme", task, columns });

describe("renderName", () => {
  it.each([
    ["{task} - {tenant}", "Monthly Report - acme"],
    ["{Tenant}/{ TASK }", "acme/Monthly Report"],
    ["{Region Name} {region_name} {REGION-NAME}", "EMEA EMEA EMEA"],
    ["{app id}", "an-app"],
    ["{{tenant}} {{{tenant}}}", "{tenant} {acme}"],
    ["no placeholder", "no placeholder"],
    [" {empty} x \u00a0", "x"],
    ["{empty}", ""],
  ])("makes of %j %j", (template, name) => {
    expect(render(template)).toEqual({ name });
  });

  it("leaves {task} in where only the server knows it", () => {
    expect(renderName("{task} - {tenant}", { tenant: "acme", task: undefined, columns })).toEqual({
      name: "{task} - acme",
    });
  });

  it("does not read placeholders in what it fills in", () => {
    expect(render("{tenant} {task}", "{tenant}")).toEqual({ name: "acme {tenant}" });
  });

  it("makes blanks of a task name's control characters", () => {
    expect(render("{task}!", "a\nb")).toEqual({ name: "a b!" });
  });

  it("leaves out what nobody sees of a task's name", () => {
    expect(render("{task}!", "\u200eSales\u00ad")).toEqual({ name: "Sales!" });
  });

  it.each([
    ["{nope} {tenant} {also}", ["{nope}", "{also}"]],
    ["{", ["{"]],
    ["a {tenant", ["{tenant"]],
    ["a} b", ["} b"]],
    ["{}", ["{}"]],
  ])("tells what nothing fills in %j", (template, unknown) => {
    expect(render(template)).toEqual({ unknown });
  });

  it("tells whether a name holds the task's", () => {
    expect([usesTaskName("{ Task }"), usesTaskName("{{task}}"), usesTaskName("{tenant}")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("checkCopyNames", () => {
  const named = (name: string, more: Partial<CopyName> = {}): CopyName => ({
    tenant: name,
    line: 2,
    sourceTaskId: taskId(MONTHLY),
    name,
    ...more,
  });

  it("tells two copies of one name across source tasks", () => {
    const found = checkCopyNames(
      [named("Sales"), named(" SALES", { line: 7, sourceTaskId: taskId(WEEKLY) })],
      [],
      "a.csv",
    );
    expect(found).toMatchObject([{ code: "NAME_TWICE", line: 7, file: "a.csv", column: "name" }]);
  });

  it("tells a copy that is named as a source task", () => {
    const found = checkCopyNames([named("monthly  report"), named("Sales")], ["Monthly Report"], "a.csv");
    expect(found).toMatchObject([{ code: "NAME_IS_SOURCE_TASK", tenant: "monthly  report" }]);
  });

  it("compares names with {task} left in only under one source task", () => {
    const one = named("{task} A", { taskUnfilled: true });
    expect(checkCopyNames([one, { ...one, sourceTaskId: taskId(WEEKLY) }], [], "a.csv")).toEqual([]);
    expect(checkCopyNames([one, one], [], "a.csv")).toHaveLength(1);
  });
});
