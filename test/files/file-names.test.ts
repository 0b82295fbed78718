import { describe, expect, it } from "vitest";
import { nameFault } from "../../src/files/file-names.js";

describe("a file's name", () => {
  it.each([
    "con.json",
    "NUL",
    "out/nul.tar.csv",
    "Aux.md",
    "com1.xml",
    "LPT\u00b9.html",
    "con .json",
    "result.json.",
    "result.json ",
    "result:1.json",
    'a"b.md',
  ])("%j is refused on Windows alone", (path) => {
    expect(nameFault(path, "win32")).toContain("Windows");
    expect(nameFault(path, "linux")).toBeUndefined();
  });

  it.each(["console.json", "com.csv", "com10.csv", "nulls.md", "aux-1.html", "Kunden (neu) & Söhne.csv"])(
    "%j is a name everywhere",
    (path) => {
      for (const platform of ["win32", "darwin", "linux"] as const) expect(nameFault(path, platform)).toBeUndefined();
    },
  );

  it("is counted in bytes, on Windows in characters, with room for what is put behind it", () => {
    const long = "ü".repeat(200);
    expect(nameFault(long, "linux")).toContain("400 bytes");
    expect(nameFault(long, "win32")).toBeUndefined();
    expect(nameFault(long, "win32", 56)).toContain("199 are the most");
  });
});
