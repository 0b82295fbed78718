import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draftTenants, tenantReader } from "../../src/manifest/tenant-draft.js";
import { trimAround } from "../../src/shared/ids.js";
import { withoutUnseen } from "../../src/shared/unfit-characters.js";
import { app, appId, MASTER } from "../support/manifests.js";

const named = (names: readonly string[]) => names.map((name, at) => ({ id: appId(app(at + 1)), name }));

describe("a pattern", () => {
  it.each([
    ["Sales - {tenant}", "Sales - acme", "acme"],
    ["Sales - {tenant}", "SALES -  Acme Corp. ", "Acme Corp."],
    ["Sales - {tenant}", "Sales\u00a0-\u00a0acme", "acme"],
    ["{tenant} (prod)", "globex (prod)", "globex"],
    ["{tenant}.qvf", "globex.qvf", "globex"],
    ["{tenant}", "  initech  ", "initech"],
    ["[{tenant}]", "[a-b]", "a-b"],
    ["Sales - {tenant}", "Marketing - acme", undefined],
    ["Sales - {tenant}", "Sales - ", undefined],
    ["{tenant}.qvf", "globexXqvf", undefined],
    ["{tenant}", "", undefined],
    ["Sales - {tenant}", "\u200eSales - \u200eacme", "acme"],
  ])("%s finds in %j the tenant %j", (pattern, name, tenant) => {
    expect(tenantReader(pattern)(name)).toBe(tenant);
  });

  it("finds every tenant again in the name that it was put into", () => {
    const text = fc.string({ maxLength: 12 }).filter((part) => !part.includes("{tenant}"));
    const tenant = fc
      .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
      .map((key) => trimAround(withoutUnseen(key)))
      .filter((key) => key !== "");
    fc.assert(
      fc.property(text, tenant, text, (before, key, after) => {
        fc.pre(`${before}{tenant}${after}`.split("{tenant}").length === 2);
        expect(tenantReader(`${before}{tenant}${after}`)(`${before}${key}${after}`)).toBe(key);
      }),
    );
  });
});

describe("tenants drafted from apps", () => {
  it("are one for each app that fits, in the list's order, without the master app", () => {
    const apps = [{ id: appId(MASTER), name: "Sales - master" }, ...named(["Sales - globex", "HR", "Sales - acme"])];
    const drafted = draftTenants(apps, { pattern: "Sales - {tenant}", masterApp: appId(MASTER) });
    expect(drafted.tenants.map(({ tenant }) => tenant)).toEqual(["globex", "acme"]);
    expect(drafted.unfit.map(({ name }) => name)).toEqual(["HR"]);
    expect(drafted.leftMasterOut).toBe(true);
    expect(drafted.twice.size).toBe(0);
  });

  it("name every app that gives a tenant which another gives too, however it is spelled", () => {
    const drafted = draftTenants(named(["Acme", "globex", "ACME ", "ａｃｍｅ"]), {
      pattern: undefined,
      masterApp: undefined,
    });
    expect([...drafted.twice].map(([key, apps]) => [key, apps.length])).toEqual([["acme", 3]]);
  });
});
