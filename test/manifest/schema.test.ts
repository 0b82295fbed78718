import { describe, expect, it } from "vitest";
import * as z from "zod";
import { MANIFEST_SCHEMA } from "../../src/manifest/schema.js";
import { app, MASTER, MONTHLY, report } from "../support/manifests.js";

describe("the manifest's schema", () => {
  it.each([
    ["an array of tenants", [{ tenant: "acme", newQlikAppId: app(1), region: "EMEA" }]],
    [
      "aliases",
      [{ customer: "acme", appId: `{${app(1).toUpperCase()}}`, masterAppId: MASTER, newName: "x", enabled: false }],
    ],
    [
      "one object",
      {
        $schema: "x",
        sourceTaskId: MONTHLY,
        reportIds: [report(1)],
        tenants: [{ tenant: "acme", mappings: [{ newQlikAppId: app(1) }] }],
      },
    ],
  ])("takes %s", (_, manifest) => {
    expect(MANIFEST_SCHEMA.safeParse(manifest).error).toBeUndefined();
  });

  it.each([
    ["no tenants", { sourceTaskId: MONTHLY }],
    ["a number for a tenant", [{ tenant: 7, newQlikAppId: app(1) }]],
    ["no GUID", [{ tenant: "acme", newQlikAppId: "x" }]],
  ])("refuses %s", (_, manifest) => {
    expect(MANIFEST_SCHEMA.safeParse(manifest).success).toBe(false);
  });

  it("becomes a JSON Schema in which every property is described", () => {
    const bare: string[] = [];
    const look = (node: unknown, path: string): void => {
      if (typeof node !== "object" || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === "properties")
          for (const [name, property] of Object.entries(value as Record<string, object>))
            if (!("description" in property) && name !== "$schema" && name !== "tenants") bare.push(`${path}/${name}`);
        look(value, `${path}/${key}`);
      }
    };
    look(z.toJSONSchema(MANIFEST_SCHEMA), "");
    expect(bare).toEqual([]);
  });
});
