import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draftAsCsv, draftAsJson, draftTenants, type ManifestDraft, tenantReader } from "../../src/manifest/apps.js";
import { readManifest } from "../../src/manifest/read-manifest.js";
import { textFault } from "../../src/manifest/rows.js";
import { foldTenantKey, trimAround } from "../../src/shared/ids.js";
import { withoutUnseen } from "../../src/shared/text-safety.js";
import { app, appId, MASTER, MONTHLY, NO_DEFAULTS, taskId } from "../support/manifests.js";

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
      // Any blank is as good as another: a key gets plain ones.
      .map((key) => trimAround(withoutUnseen(key).replace(/\s+/g, " ")))
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

const draft = (tenants: readonly string[]): ManifestDraft => ({
  sourceTaskId: taskId(MONTHLY),
  masterApp: appId(MASTER),
  tenants: tenants.map((tenant, at) => ({ tenant, newQlikAppId: appId(app(at + 1)) })),
});
const readBack = (path: string, text: string) =>
  readManifest({ path, bytes: Buffer.from(text), defaults: NO_DEFAULTS });

describe("a first manifest", () => {
  it("opens right in Excel: byte order mark, CRLF, quotes where they are needed and nowhere else", () => {
    expect(draftAsCsv(draft(["acme", "Globex, Inc.", 'the "best"; one', "=1+1"]))).toBe(
      [
        "\ufefftenant,newQlikAppId,qlikAppId,sourceTaskId",
        `acme,${app(1)},${MASTER},${MONTHLY}`,
        `"Globex, Inc.",${app(2)},${MASTER},${MONTHLY}`,
        `"the ""best""; one",${app(3)},${MASTER},${MONTHLY}`,
        `=1+1,${app(4)},${MASTER},${MONTHLY}`,
        "",
      ].join("\r\n"),
    );
  });

  it("has no column for a master app that nobody named", () => {
    const unnamed = { ...draft(["acme"]), masterApp: undefined };
    expect(draftAsCsv(unnamed)).toContain("tenant,newQlikAppId,sourceTaskId\r\n");
    expect(JSON.parse(draftAsJson(unnamed))).not.toHaveProperty("qlikAppId");
  });

  it.each([
    ["customers.csv", draftAsCsv],
    ["customers.json", draftAsJson],
  ])("reads back as it was meant, whatever text the keys are (%s)", async (path, textOf) => {
    const key = fc
      .string({ minLength: 1, maxLength: 15, unit: "grapheme" })
      .filter((text) => text === trimAround(text) && foldTenantKey(text) !== "")
      .filter((text) => textFault(text) === undefined && !/[a-z]\?[a-z]/i.test(text));
    const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 8, selector: (text) => foldTenantKey(text) });
    await fc.assert(
      fc.asyncProperty(keys, async (tenants) => {
        const { tenants: read, warnings } = await readBack(path, textOf(draft(tenants)));
        expect(read.map((tenant) => tenant.tenant)).toEqual(tenants);
        expect(
          read.map((tenant) => tenant.desired.map((mapping) => [mapping.qlikAppId, mapping.newQlikAppId])),
        ).toEqual(tenants.map((_, at) => [[MASTER, app(at + 1)]]));
        expect(read.every((tenant) => tenant.sourceTaskId === MONTHLY)).toBe(true);
        expect(warnings).toEqual([]);
      }),
      { examples: [[["'+a", '="007"', "''=b"]]] },
    );
  });
});
