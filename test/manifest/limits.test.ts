import { describe, expect, it } from "vitest";
import { namesWithoutAddition, TaskIndex } from "../../src/plan/task-index.js";
import { rowsOf, serverText, taskOf, totalNamed } from "../../src/server/wire.js";
import { type FoldedName, foldName, foldTenantKey } from "../../src/shared/ids.js";
import { nearestKeys, tenantMatcher } from "../../src/shared/spelling.js";
import { withoutCommand } from "../../src/shared/text-safety.js";
import { app, copy, faultsOf, read } from "../support/manifests.js";

/** Each took minutes, or all of the memory, where its time grew with the square of it. */
const SOME_SECONDS = 20_000;

const csv = (header: string, row: string) => `tenant,newQlikAppId,${header}\nacme,${app(1)},${row}\n`;
const many = (count: number, one: (n: number) => string, between = ",") =>
  Array.from({ length: count }, (_, n) => one(n)).join(between);
const marks = (count: number) => `e${"\u0301\u0316".repeat(count / 2)}`;

describe("a small manifest that would take long", () => {
  const rows: readonly (readonly [what: string, content: string, code: string, path?: string])[] = [
    ["a key of 50 KB", `tenant,newQlikAppId\n${"#".repeat(50_000)},${app(1)}\n`, "TEXT_TOO_LONG"],
    ["a key of 100 KB of marks", `tenant,newQlikAppId\n${marks(100_000)},${app(1)}\n`, "TEXT_TOO_LONG"],
    ["a key with more marks than one letter has", `tenant,newQlikAppId\n${marks(40)},${app(1)}\n`, "TEXT_TOO_LONG"],
    ["a name of braces", csv("name", "{x".repeat(25_000)), "TEXT_TOO_LONG"],
    [
      "a name that uses a long value often",
      csv("name,x", `${"{x}".repeat(300)},${"y".repeat(60_000)}`),
      "TEXT_TOO_LONG",
    ],
    ["a value of 70 KB", csv("note", "y".repeat(70_000)), "TEXT_TOO_LONG"],
    ["a header of 2 KB", csv("y".repeat(2000), ""), "TEXT_TOO_LONG"],
    [
      "100,000 headers",
      csv(
        many(100_000, (n) => `h${n}`),
        ",".repeat(99_999),
      ),
      "MANIFEST_TOO_LARGE",
    ],
    ["JSON with a key for each row", `[${many(20_000, (n) => `{"tenant":"t${n}","k${n}":1}`)}]`, "MANIFEST_TOO_LARGE"],
    ["64 MB of empty rows", `[${many(22_000_000, () => "{}")}]`, "MANIFEST_TOO_LARGE"],
    ["a key of JSON of 1 MB", `[{"${marks(1_000_000)}":1}]`, "MANIFEST_TOO_LARGE"],
    ["2 MB of rows", `tenant\n${many(1_100_000, () => "a", "\n")}`, "MANIFEST_TOO_LARGE"],
    [
      "JSON under a CSV's name",
      `[\n${many(8000, (n) => `{\n"tenant": "t${n}",\n"x": "y"}`)}]`,
      "QUOTE_MISPLACED",
      "a.csv",
    ],
    ["quotes out of place in each row", `tenant,newQlikAppId\n${many(100_000, () => 'a,"b"c', "\n")}`, "FAULTS_BEYOND"],
  ];

  it.each(rows)(
    "%s",
    async (_, content = "", code = "", path = content.startsWith("[") ? "a.json" : "a.csv") => {
      const faults = await faultsOf(content, { path });
      expect(faults.map((fault) => fault.code)).toContain(code);
      for (const { message } of faults) expect(message.length).toBeLessThan(1000);
    },
    SOME_SECONDS,
  );

  it(
    "one tenant with mappings of every report and of one in turn",
    async () => {
      const rows = many(20_000, (n) => `acme,${app(1)},${n % 2 ? copy(n) : ""}`, "\n");
      expect((await read(`tenant,newQlikAppId,reportId\n${rows}\n`)).tenants).toHaveLength(1);
    },
    SOME_SECONDS,
  );
});

describe("a long text", () => {
  it(
    "is folded, matched and shown in time that grows with its length",
    () => {
      expect(foldName(marks(500_000)).length).toBeGreaterThan(400_000);
      expect(withoutCommand("#".repeat(500_000))).toHaveLength(500_000);
      const key = foldTenantKey("a".repeat(1000));
      expect(tenantMatcher([`${"*a".repeat(300)}*b`])(key)).toBe(false);
      expect(
        nearestKeys(
          "b".repeat(1000),
          many(2000, (n) => "a".repeat(900) + n)
            .split(",")
            .map(foldTenantKey),
          1,
        ),
      ).toHaveLength(1);
      for (const unit of ["-", " 1", " (1)", "(1"]) namesWithoutAddition(unit.repeat(100_000) as FoldedName);
    },
    SOME_SECONDS,
  );
});

describe("an answer of the server", () => {
  const task = (n: number, name: string) => taskOf({ id: copy(n), name });

  it(
    "may list a name of any length: it is its own, and nobody else's",
    () => {
      const sent = "acme".repeat(256);
      const [whole, long, other, same] = [
        sent,
        `${sent}${"x".repeat(1e6)}`,
        `${sent}${"x".repeat(1e6)}y`,
        `${sent}${"x".repeat(1e6)}`,
      ];
      const tasks = [whole, long, other, same].flatMap((name, n) => task(n, name) ?? []);
      const index = new TaskIndex(tasks);
      expect(index.named(sent).map(({ id }) => id)).toEqual([copy(0)]);
      expect(index.named(tasks[1]?.name ?? "").map(({ id }) => id)).toEqual([copy(1), copy(3)]);
      expect(index.similarTo(sent)).toHaveLength(3);
      for (const { name } of tasks) expect(name.length).toBeLessThan(25_000);
    },
    SOME_SECONDS,
  );

  it(
    "takes no longer for a million keys, endless messages or lists in lists",
    () => {
      const keys = Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k_${n}`, 1]));
      expect(totalNamed({ ...keys, data: [], total_Count: 7 })).toBe(7);
      expect(rowsOf({ ...keys, Items: [1] })).toEqual([1]);
      const text = `${" ".repeat(100)}KEY ${"x ".repeat(1e6)}`;
      expect(serverText({ kind: "text", text }, (said) => said.replaceAll("KEY", "[API key]"))).toMatch(
        /^\[API key\] x .{0,300}…$/,
      );
    },
    SOME_SECONDS,
  );
});
