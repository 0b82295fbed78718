import { describe, expect, it } from "vitest";
import { faultLines, parseFault } from "../../src/sandbox/chaos.js";
import { disturbanceOf, FAULT_NAMES, FAULTS, formsOf } from "../../src/sandbox/faults.js";

/** A setting without what was not given. */
const given = (text: string) => JSON.parse(JSON.stringify(parseFault(text)));

describe("--fault", () => {
  it.each([
    ["cut-after", { name: "cut-after" }],
    ["cut-after=0.1", { name: "cut-after", share: 0.1 }],
    [
      "late=1,ms=500,on=*acme*,to=creates,times=3,after=2",
      { name: "late", share: 1, ms: 500, on: "*acme*", to: "creates", times: 3, after: 2 },
    ],
    ["error-500,as=after", { name: "error-500", as: "after" }],
    ["expire-key=100,as=417", { name: "expire-key", count: 100, as: "417" }],
    ["forbid-tenant=*acme*", { name: "forbid-tenant", pattern: "*acme*" }],
    ["no-list=403", { name: "no-list", as: "403" }],
    ["names-cut", { name: "names-cut" }],
    ["incomplete-list=0.5,as=changing", { name: "incomplete-list", share: 0.5, as: "changing" }],
  ])("reads %s", (text, setting) => {
    expect(given(text)).toEqual(setting);
  });

  it.each([
    ["", "FAULT_UNKNOWN"],
    ["toString", "FAULT_UNKNOWN"],
    ["cut-aftre", "FAULT_UNKNOWN"],
    ["cut-after=2", "FAULT_WRONG"],
    ["cut-after=often", "FAULT_WRONG"],
    ["cut-after,to=nowhere", "FAULT_WRONG"],
    ["cut-after,when=now", "FAULT_WRONG"],
    ["cut-after,times=1.5", "FAULT_WRONG"],
    ["cut-after,ms=5", "FAULT_WRONG"],
    ["twice,to=patches", "FAULT_WRONG"],
    ["late,to=reads", "FAULT_WRONG"],
    ["error-500,as=never", "FAULT_WRONG"],
    ["no-effect=1", "FAULT_WRONG"],
    ["no-effect,as=x", "FAULT_WRONG"],
    ["no-list=500", "FAULT_WRONG"],
    ["no-list,times=1", "FAULT_WRONG"],
    ["expire-key", "FAULT_WRONG"],
    ["expire-key=soon", "FAULT_WRONG"],
    ["forbid-tenant", "FAULT_WRONG"],
    ["forbid-tenant=", "FAULT_WRONG"],
    ["incomplete-list=7", "FAULT_WRONG"],
  ])("refuses %j with exit 2", (text, code) => {
    expect(() => parseFault(text)).toThrow(
      expect.objectContaining({ exitCode: 2, problems: [expect.objectContaining({ code })] }),
    );
  });

  it("names the nearest fault", () => {
    expect(() => parseFault("cut-aftre")).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ hint: expect.stringContaining("cut-after") })] }),
    );
  });

  it("takes each fault of the table, and each of its forms, as the help writes them", () => {
    for (const name of FAULT_NAMES) {
      const argument = disturbanceOf(name) === undefined ? (FAULTS[name].argument ?? "none") : "share";
      const typed = { none: "", form: "", count: "=3", share: "=0.5", pattern: "=*acme*" }[argument];
      expect(parseFault(`${name}${typed}`).name).toBe(name);
      for (const form of formsOf(name)) expect(parseFault(`${name}${typed},as=${form}`).as).toBe(form);
    }
  });

  it("is told in the help, a line for each", () => {
    const lines = faultLines();
    for (const name of FAULT_NAMES)
      expect(lines.filter((line) => line.slice(4).split(/[ [=]/)[0] === name)).toHaveLength(1);
    expect(lines.find((line) => line.includes("cut-after"))).toMatch(/^ {2}\* cut-after\[=SHARE\] +the work is done/);
    expect(lines.find((line) => line.includes("no-list"))).toMatch(/^ {4}no-list\[=FORM\] .*\[404 \| 403\]$/);
  });
});
