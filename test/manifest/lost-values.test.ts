import { describe, expect, it } from "vitest";
import { app, briefly, faultsOf, MASTER, MONTHLY, read } from "../support/manifests.js";

const csv = (...lines: readonly string[]) => lines.join("\n");
const json = (tenant: string, appId: string) => JSON.stringify([{ tenant, appId }]);

const FORMULA_ERRORS = [
  "#N/A",
  "#NV",
  "#REF!",
  "#BEZUG!",
  "#VALUE!",
  "#WERT!",
  "#VALEUR!",
  "#NAME?",
  "#NOM?",
  "#DIV/0!",
  "#NULL!",
  "#NUM!",
  "#ZAHL!",
  "#¡REF!",
  "Err:508",
  "Err :502",
];

describe("what stands where a value should", () => {
  it.each(FORMULA_ERRORS)("is told to be a formula's error as tenant, app and name: %s", async (error) => {
    const found = await faultsOf(
      csv("tenant,appId,name", `${error},${app(1)},`, `globex,${error},`, `initech,${app(3)},${error}`),
    );
    expect(briefly(found)).toEqual(["FORMULA_ERROR@2", "FORMULA_ERROR@3", "FORMULA_ERROR@4"]);
    expect(found.map((fault) => [fault.column, fault.value])).toEqual([
      ["tenant", error],
      ["appId", error],
      ["name", error],
    ]);
  });

  it.each(["NULL", "\\N"])("is told to be a database's NULL: %s", async (nothing) => {
    const found = await faultsOf(
      csv("tenant,appId,name", `${nothing},${app(1)},`, `globex,${nothing},`, `initech,${app(3)},${nothing}`),
    );
    expect(briefly(found)).toEqual(["NULL_VALUE@2", "NULL_VALUE@3", "NULL_VALUE@4"]);
    expect(found[0]?.message).toContain("database");
  });

  it("is told to be a text of which letters were lost", async () => {
    const found = await faultsOf(
      csv("tenant,appId,name", `M\ufffdller,${app(1)},`, `globex,\ufffd${app(2)},`, `initech,${app(3)},Z\ufffdrich`),
    );
    expect(briefly(found)).toEqual(["LETTER_LOST@2", "LETTER_LOST@3", "LETTER_LOST@4"]);
    expect(found[0]?.message).toContain("its character 2 is U+FFFD");
    expect(found[0]?.message).toContain("wrong encoding");
  });

  it("is told of a JSON manifest alike, also of its top level", async () => {
    const path = "tenants.json";
    expect(briefly(await faultsOf(json("#N/A", app(1)), { path }))).toEqual(["FORMULA_ERROR@1"]);
    expect(briefly(await faultsOf(json("acme", "NULL"), { path }))).toEqual(["NULL_VALUE@1"]);
    const shared = { qlikAppId: "#NV", tenants: [{ tenant: "acme", appId: app(1) }] };
    expect(briefly(await faultsOf(JSON.stringify(shared), { path }))).toEqual(["FORMULA_ERROR@1"]);
  });

  it("is told of a column that the copy's name uses, and not of one that nothing uses", async () => {
    const lines = csv("tenant,appId,region", `acme,${app(1)},#N/A`);
    const [fault] = await faultsOf(lines, { defaults: { nameTemplate: "{tenant} {region}" } });
    expect(fault).toMatchObject({ code: "FORMULA_ERROR", line: 2, tenant: "acme", value: "acme #N/A" });
    expect(fault?.message).toContain("{region}");
    expect((await read(lines)).tenants).toHaveLength(1);
  });

  it("is ignored in a disabled row, but for its tenant", async () => {
    const rest = `,${MASTER},${MONTHLY},no`;
    const lines = (tenant: string) => csv("tenant,appId,masterAppId,sourceTaskId,enabled", `${tenant},#N/A${rest}`);
    expect((await read(lines("acme"))).warnings).toEqual([]);
    expect(briefly(await faultsOf(lines("#N/A")))).toEqual(["FORMULA_ERROR@2"]);
  });

  it("is a value where it only resembles one", async () => {
    const tenants = ["Null", "Nullo", "#1 Foods", "N/A", "Err:5", "\\None"];
    const { tenants: found } = await read(csv("tenant,appId", ...tenants.map((one, at) => `${one},${app(at + 1)}`)));
    expect(found.map((one) => one.tenant)).toEqual(tenants);
  });
});

describe("an ID that looks right", () => {
  it.each([
    ["a mark that nobody sees", `\u200e${app(1)}`, "its character 1 is U+200E"],
    ["a hyphen of another kind", app(1).replace("-", "\u2011"), "its character 9 is U+2011"],
    ["a letter of another script", app(1).replace("-4000-", "-400\u043e-"), "its character 18 is U+043E"],
  ])("is told to hold %s, and where", async (_, id, where) => {
    const [fault, ...others] = await faultsOf(csv("tenant,appId", `acme,${id}`));
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ code: "NOT_A_GUID", value: id });
    expect(fault?.message).toContain(where);
  });

  it("is told without such a place where all of it is ASCII", async () => {
    expect((await faultsOf(csv("tenant,appId", "acme,abc")))[0]?.message).toBe('appId is "abc", which is no GUID.');
  });
});
