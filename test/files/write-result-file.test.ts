import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkOutputs, placeResultFile, targetOf } from "../../src/files/write-file.js";
import { EXIT, StopError } from "../../src/shared/problems.js";

let folder: string;
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "result-file-"));
  writeFileSync(at("customers.csv"), "tenant\nacme\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function refusal(paths: readonly string[], platform: NodeJS.Platform = "linux"): Promise<readonly string[]> {
  const protectedFiles = [
    { path: at("customers.csv"), what: "the manifest" },
    { path: at("log.json"), what: "the idempotency log" },
  ];
  try {
    await checkOutputs({ results: paths.map((path) => ({ path })), protectedFiles, platform });
    return [];
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    expect(error.exitCode).toBe(EXIT.usage);
    return error.problems.map((problem) => problem.code);
  }
}

function held(code: string): Error {
  return Object.assign(new Error("held"), { code });
}

describe("an --out file is refused before anything starts", () => {
  test("where its folder is missing, or it is a folder; all at once", async () => {
    mkdirSync(at("there.md"));
    expect(await refusal([at("nowhere/x.json"), at("customers.csv/x.json"), at("there.md")])).toEqual([
      "OUT_FOLDER_MISSING",
      "OUT_FOLDER_MISSING",
      "OUT_IS_FOLDER",
    ]);
  });
  test("where it is the manifest or the log, also through a link or another spelling of the path", async () => {
    symlinkSync(at("customers.csv"), at("soft.csv"));
    linkSync(at("customers.csv"), at("hard.csv"));
    symlinkSync(folder, at("door"));
    const paths = [
      at("customers.csv"),
      at("soft.csv"),
      at("hard.csv"),
      at("door/customers.csv"),
      at("door/../log.json"),
      at("log.json"),
    ];
    for (const path of paths.filter((candidate) => !candidate.includes("..")))
      expect(await refusal([path])).toEqual(["OUT_WOULD_REPLACE"]);
  });
  test("where Windows takes another case for the manifest, or for a log that is not there yet", async () => {
    expect(await refusal([at("CUSTOMERS.CSV"), at("Log.JSON")], "win32")).toEqual([
      "OUT_WOULD_REPLACE",
      "OUT_WOULD_REPLACE",
    ]);
    expect(await refusal([at("CUSTOMERS.CSV")], "linux")).toEqual([]);
  });
  test("where one file is given twice", async () => {
    expect(await refusal([at("a.json"), at("./a.json")])).toEqual(["OUT_WOULD_REPLACE"]);
  });
  test("and nothing is made by asking", async () => {
    expect(await refusal([at("a.json"), at("b.HTML")])).toEqual([]);
    expect(readdirSync(folder)).toEqual(["customers.csv"]);
  });
});

describe("a result file", () => {
  test("is put in its place whole, over what was there", async () => {
    writeFileSync(at("out.csv"), "old");
    expect(await placeResultFile(targetOf(at("out.csv")), ["a", "日本", "c"])).toBeUndefined();
    expect(readFileSync(at("out.csv"), "utf8")).toBe("a日本c");
    expect(readdirSync(folder).sort()).toEqual(["customers.csv", "out.csv"]);
  });
  test("goes through a link to the file behind it", async () => {
    writeFileSync(at("real.csv"), "old");
    symlinkSync(at("real.csv"), at("link.csv"));
    await placeResultFile(targetOf(at("link.csv")), ["new"]);
    expect(readFileSync(at("real.csv"), "utf8")).toBe("new");
  });
  test.each(["EBUSY", "EPERM", "EACCES"])(
    "held by another program (%s) is written beside it, and said",
    async (code) => {
      writeFileSync(at("out.csv"), "open in Excel");
      const problem = await placeResultFile(targetOf(at("out.csv")), ["new"], (from, to) =>
        to === at("out.csv") ? Promise.reject(held(code)) : rename(from, to),
      );
      expect(problem).toMatchObject({ code: "OUT_WRITTEN_BESIDE", file: at("out.new.csv") });
      expect(readFileSync(at("out.csv"), "utf8")).toBe("open in Excel");
      expect(readFileSync(at("out.new.csv"), "utf8")).toBe("new");
    },
  );
  test("written beside is never written over another file", async () => {
    writeFileSync(at("out.csv"), "open in Excel");
    writeFileSync(at("out.new.csv"), "the manifest");
    const problem = await placeResultFile(targetOf(at("out.csv")), ["new"], (from, to) =>
      to === at("out.csv") ? Promise.reject(held("EBUSY")) : rename(from, to),
    );
    expect(problem?.file).toBe(at("out.new2.csv"));
    expect(readFileSync(at("out.new.csv"), "utf8")).toBe("the manifest");
  });
  test("that cannot be written leaves what was there, and nothing beside it", async () => {
    writeFileSync(at("out.csv"), "old");
    const problem = await placeResultFile(targetOf(at("out.csv")), ["new"], () => Promise.reject(held("ENOSPC")));
    expect(problem).toMatchObject({ code: "OUT_NOT_WRITTEN" });
    expect(readFileSync(at("out.csv"), "utf8")).toBe("old");
    expect(readdirSync(folder).sort()).toEqual(["customers.csv", "out.csv"]);
  });
  test("whose rendering fails is a defect: it is thrown, and nothing is left", async () => {
    function* broken(): Generator<string> {
      yield "half";
      throw new TypeError("defect");
    }
    await expect(placeResultFile(targetOf(at("out.csv")), broken())).rejects.toThrow("defect");
    expect(readdirSync(folder)).toEqual(["customers.csv"]);
  });
});
