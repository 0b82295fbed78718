import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draftAsCsv, draftAsJson } from "../../src/manifest/manifest-draft.js";
import { readManifest } from "../../src/manifest/manifest-file.js";
import type { ManifestDraft } from "../../src/manifest/tenant-draft.js";
import { textFault } from "../../src/manifest/value-faults.js";
import { foldTenantKey, trimAround } from "../../src/shared/ids.js";
import { app, appId, MASTER, MONTHLY, NO_DEFAULTS, taskId } from "../support/manifests.js";

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
    );
  });
});
