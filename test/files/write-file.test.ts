import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { targetOf, writeNewFile } from "../../src/files/write-file.js";
import { inFolder } from "../support/log-places.js";

const refusal = (code: string) => ({ exitCode: 2, problems: [expect.objectContaining({ code })] });

describe("a new file", () => {
  it("is whole and alone in its folder", async () => {
    await inFolder(async (folder) => {
      await writeNewFile(targetOf(join(folder, "customers.csv")), "tenant\r\n", false);
      expect(readFileSync(join(folder, "customers.csv"), "utf8")).toBe("tenant\r\n");
      expect(readdirSync(folder)).toEqual(["customers.csv"]);
    });
  });

  it("never takes the place of one that came into being meanwhile", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "customers.csv");
      writeFileSync(path, "made by hand");
      await expect(writeNewFile(targetOf(path), "tenant", false)).rejects.toMatchObject(refusal("FILE_EXISTS"));
      expect(readFileSync(path, "utf8")).toBe("made by hand");
      expect(readdirSync(folder)).toEqual(["customers.csv"]);
    });
  });

  it("is never there in part, as a copy of which the process was killed leaves it", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "customers.csv");
      const { copyFile } = files;
      const cutShort = async (from: string, to: string) => {
        writeFileSync(to, readFileSync(from).subarray(0, 3));
        throw new Error("killed");
      };
      Object.assign(files, { copyFile: cutShort });
      syncBuiltinESMExports();
      try {
        await writeNewFile(targetOf(path), "tenant\r\n", false).catch(() => undefined);
      } finally {
        Object.assign(files, { copyFile });
        syncBuiltinESMExports();
      }
      expect(readFileSync(path, "utf8")).toBe("tenant\r\n");
    });
  });

  it("replaces one where it may, through a link too", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "customers.csv");
      writeFileSync(path, "old");
      symlinkSync(path, join(folder, "link.csv"));
      await writeNewFile(targetOf(join(folder, "link.csv")), "new", true);
      expect(readFileSync(path, "utf8")).toBe("new");
      expect(readdirSync(folder).sort()).toEqual(["customers.csv", "link.csv"]);
    });
  });

  it("is refused where there is one, and where there is no folder", async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, "customers.csv"), "old");
      await expect(writeNewFile(targetOf(join(folder, "customers.csv")), "", false)).rejects.toMatchObject(
        refusal("FILE_EXISTS"),
      );
      await expect(writeNewFile(targetOf(join(folder, "no", "x.csv")), "", false)).rejects.toMatchObject(
        refusal("OUT_NOT_WRITTEN"),
      );
    });
  });
});
