import { createHash } from "node:crypto";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as ci from "../../src/results/ci.js";
import * as files from "../../src/results/files.js";
import * as html from "../../src/results/html.js";
import { hintOf } from "../../src/shared/hints.js";
import { foldTenantKey } from "../../src/shared/ids.js";
import { rearmFormula } from "../../src/shared/quoting.js";
import { hasControls, hostileText } from "./hostile-text.js";
import { guid, plannedTenant, runResult, SOURCE, tenantResult } from "./sample-results.js";
import { readXml } from "./well-formed-xml.js";

/** The whole file that a format's pieces make. */
function whole<Given extends readonly unknown[]>(pieces: (...given: Given) => Iterable<string>) {
  return (...given: Given): string => [...pieces(...given)].join("");
}

const csvResult = whole(files.csvResult);
const htmlResult = whole(html.htmlResult);
const junitResult = whole(ci.junitResult);

function row(line: number, ...cells: readonly string[]) {
  return { line, key: foldTenantKey(cells[0] ?? ""), cells };
}

function readCsv(text: string): string[][] {
  return parse(text, { bom: true, relax_column_count: false });
}

const LAX = { bom: true, quote: false, relax_column_count: true } as const;

/**
 * A CSV file as a spreadsheet splits it: quotes count where they open a cell, and what stands behind the closing one is added as it
 * is. No parser in strict form reads a file with another delimiter than its own.
 */
function excelCells(text: string, delimiter: string): string[][] {
  const lines: string[][] = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (quoted && char === '"' && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (quoted) {
      if (char === '"') quoted = false;
      else cell += char;
    } else if (char === '"' && cell === "" && (at === 0 || [delimiter, "\r", "\n"].includes(text[at - 1] ?? ""))) {
      quoted = true;
    } else if (char === delimiter || char === "\r" || char === "\n") {
      lines.at(-1)?.push(cell);
      if (char !== delimiter) lines.push([]);
      cell = "";
    } else cell += char;
  }
  lines.at(-1)?.push(cell);
  return lines;
}

const failed = tenantResult({
  tenant: "globex",
  line: 3,
  outcome: "failed",
  newTaskId: undefined,
  error: { code: "REFUSED", message: "the server refused it", hint: "Correct the name", httpStatus: 400 },
});
const inDoubt = tenantResult({
  tenant: "initech",
  line: 4,
  outcome: "in-doubt",
  newTaskId: undefined,
  error: { code: "TIMEOUT", message: "no answer" },
});

describe("the CSV result", () => {
  const input = {
    delimiter: ",",
    header: ["Tenant", "AppId", "Region"],
    rows: [row(2, "acme", guid("a440", 1), "north"), row(3, "globex", guid("a440", 2), "a, b")],
  };

  test("opens right in Excel: byte order mark and CRLF", () => {
    const text = csvResult(runResult([tenantResult(), failed]), input);
    expect(text.startsWith("\ufeffTenant,AppId,Region,newTaskId,action,outcome,reason,changes\r\n")).toBe(true);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  });
  test("holds every column of the input, then what became of the tenant", () => {
    const rows = readCsv(csvResult(runResult([tenantResult(), failed]), input));
    expect(rows[1]).toEqual([
      "acme",
      guid("a440", 1),
      "north",
      guid("c0b1", 1),
      "create",
      "succeeded",
      "no copy yet",
      "",
    ]);
    expect(rows[2]).toEqual([
      "globex",
      guid("a440", 2),
      "a, b",
      "",
      "create",
      "failed",
      "REFUSED: the server refused it",
      "",
    ]);
  });
  test("fills the columns that a result fed back has already, and keeps an ID that the run did not tell", () => {
    const again = {
      delimiter: ",",
      header: ["tenant", "new_task_id", "action", "Outcome", "reason", "changes"],
      rows: [row(2, "acme", "", "create", "planned", "", ""), row(3, "globex", guid("c0b1", 9), "", "", "", "")],
    };
    const rows = readCsv(csvResult(runResult([tenantResult({ action: "unchanged" }), failed]), again));
    expect(rows[0]).toEqual(again.header);
    expect(rows[1]).toEqual(["acme", guid("c0b1", 1), "unchanged", "succeeded", "no copy yet", ""]);
    expect(rows[2]?.[1]).toBe(guid("c0b1", 9));
  });
  test("tells a key under two source tasks apart", () => {
    const other = guid("50c1", 2);
    const two = {
      delimiter: ",",
      header: ["tenant", "sourceTaskId"],
      rows: [row(2, "acme", ""), row(3, "acme", `{${other.toUpperCase()}}`), row(4, "ACME ", "")],
    };
    const tenants = [
      tenantResult({ newTaskId: guid("c0b1", 7), line: 2 }),
      tenantResult({ newTaskId: guid("c0b1", 8), line: 3, sourceTaskId: other }),
    ];
    expect(
      readCsv(csvResult(runResult(tenants), two))
        .slice(1)
        .map((cells) => cells[2]),
    ).toEqual([guid("c0b1", 7), guid("c0b1", 8), guid("c0b1", 7)]);
  });
  test("leaves orphans out: they are no rows of the manifest, and must not become some", () => {
    const orphan = plannedTenant("orphan", { tenant: "hooli", line: undefined });
    expect(csvResult(runResult([tenantResult(), failed, orphan]), input)).not.toContain("hooli");
  });
  test("without an input, one row a tenant", () => {
    expect(readCsv(csvResult(runResult([failed]), undefined))).toEqual([
      ["tenant", "sourceTaskId", "name", "newTaskId", "action", "outcome", "reason", "changes"],
      ["globex", SOURCE, "Monthly figures - acme", "", "create", "failed", "REFUSED: the server refused it", ""],
    ]);
  });
  test.each([",", ";", "\t"])("with the input's delimiter %j no cell of any reading is a formula", (delimiter) => {
    const piece = fc.constantFrom("=1+1", "'", '"', ",", ";", "\t", "\n", "\r", " ", "-2", "+3", "@A", "＝4", "a");
    const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.array(text, { minLength: 3, maxLength: 3 }), (cells) => {
        const table = { delimiter, header: ["tenant", "note", "region"], rows: [row(2, ...cells)] };
        const file = csvResult(runResult([tenantResult({ tenant: cells[0] ?? "" })]), table);
        expect(file.startsWith(`\ufefftenant${delimiter}note${delimiter}region${delimiter}newTaskId`)).toBe(true);
        for (const other of [",", ";", "\t"])
          for (const reading of [
            excelCells(file.slice(1), other),
            parse(file, { ...LAX, delimiter: other }) as string[][],
          ])
            for (const cell of reading.flat()) expect(cell).not.toMatch(/^[\s\ufeff]*[=+\-@＝＋－＠]/);
        // With its own delimiter it is what was written.
        const [, read = []] = parse(file, { bom: true, delimiter }) as string[][];
        expect(read.slice(0, 3).map(rearmFormula)).toEqual(cells);
      }),
      { numRuns: 500 },
    );
  });
  test("reads back, and no cell is a formula, whatever the cells hold", () => {
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 2, maxLength: 2 }), hostileText, (cells, reason) => {
        const table = { delimiter: ",", header: ["tenant", "note"], rows: [row(2, ...cells)] };
        const rows = readCsv(csvResult(runResult([tenantResult({ tenant: cells[0] ?? "", reason })]), table));
        expect(rows).toHaveLength(2);
        expect(rows[1]).toHaveLength(7);
        for (const cell of rows[1] ?? []) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the JUnit result", () => {
  test("is one case a tenant: failed is a failure, in doubt an error, planned and skipped are skipped", () => {
    const tenants = [
      tenantResult(),
      failed,
      inDoubt,
      plannedTenant("create", { tenant: "hooli" }),
      plannedTenant("skip", { tenant: "wayne" }),
      plannedTenant("conflict", { tenant: "umbrella" }),
    ];
    const elements = readXml(junitResult(runResult(tenants)));
    const names = elements
      .filter(({ name }) => ["testcase", "failure", "error", "skipped"].includes(name))
      .map(({ name, attributes }) => (name === "testcase" ? attributes.name : name));
    expect(names).toEqual([
      "acme",
      "globex",
      "failure",
      "initech",
      "error",
      "hooli",
      "skipped",
      "wayne",
      "skipped",
      "umbrella",
      "failure",
    ]);
    expect(elements[1]?.attributes).toMatchObject({ tests: "6", failures: "2", errors: "1", skipped: "2" });
  });
  test("a run that could not start does not pass as an empty report", () => {
    const elements = readXml(
      junitResult(runResult([], { errors: [{ code: "NO_KEY", message: "no key", hint: "set it" }], exitCode: 2 })),
    );
    expect(elements[0]?.attributes).toMatchObject({ tests: "1", errors: "1" });
    expect(elements.find(({ name }) => name === "error")?.text).toBe("no key\nset it");
  });
  test("is well-formed whatever names and messages hold", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (name, message) => {
        const tenant = tenantResult({
          tenant: name,
          name: message,
          outcome: "failed",
          error: { code: "X", message, hint: name },
        });
        const elements = readXml(junitResult(runResult([tenant], { warnings: [], errors: [{ code: name, message }] })));
        expect(elements.filter((element) => element.name === "testcase")).toHaveLength(2);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the Markdown result", () => {
  test("lists every tenant that changes, the most urgent first, and counts the rest", () => {
    const tenants = [
      tenantResult(),
      failed,
      plannedTenant("update", { tenant: "wayne" }),
      plannedTenant("conflict", { tenant: "umbrella", error: { code: "NAME_TAKEN", message: "taken" } }),
    ];
    const text = ci.markdownResult(runResult(tenants));
    const at = (part: string): number => text.indexOf(part);
    expect(at("### Conflicts: 1")).toBeGreaterThan(0);
    expect(at("### Conflicts: 1")).toBeLessThan(at("### Failed: 1"));
    expect(at("### Failed: 1")).toBeLessThan(at("### Updates: 1"));
    expect(at("### Updates: 1")).toBeLessThan(at("### Creates: 1"));
    expect(at("| acme |")).toBeGreaterThan(at("### Creates: 1"));
    expect(text).toContain("| create | 1 | 1 |  | 2 |");
  });
  test("folds a long list, leaves out who is unchanged, and cuts no hint and no ID in two", () => {
    const hint = `qalyptus-propagate resolve acme --reason ${"because ".repeat(50)}end`;
    const ids = Array.from({ length: 12 }, (_, at) => `5f0c6a1e-0000-4000-8000-${String(at).padStart(12, "0")}`);
    const text = ci.markdownResult(
      runResult([
        plannedTenant("conflict", { error: { code: "TWIN", message: ids.join(" "), hint } }),
        ...Array.from({ length: 21 }, (_, at) => plannedTenant("create", { tenant: `new-${at}` })),
        ...Array.from({ length: 30 }, (_, at) => plannedTenant("unchanged", { tenant: `old-${at}` })),
      ]),
    );
    expect(text).toMatch(
      /<details><summary><b>Creates: 21<\/b><\/summary>\n\n\| tenant[\s\S]*\| new-20 [\s\S]*<\/details>/,
    );
    expect(text).toContain("Not listed: 30 unchanged.");
    expect(text).not.toContain("old-1");
    expect(text).toContain("because end");
    for (const [id] of text.matchAll(/5f0c6a1e[\da-f-]*/g)) expect(ids).toContain(id);
  });
  test("stays under 60,000 characters and says how many it left out", () => {
    const tenants = Array.from({ length: 3000 }, (_, at) => ({
      ...failed,
      tenant: `customer-${at}`,
      reason: "x".repeat(500),
    }));
    const warnings = Array.from({ length: 300 }, () => ({ code: "W", message: "y".repeat(900) }));
    const text = ci.markdownResult(runResult(tenants, { warnings }));
    expect(text.length).toBeLessThan(60_000);
    expect(text).toMatch(/and \d+ more tenants/);
    expect(text).toContain("and 280 more");
    expect(text).toContain("head 812:");
  });
  test("a row is a row, whatever its tenant is called", () => {
    fc.assert(
      fc.property(hostileText, (name) => {
        const text = ci.markdownResult(runResult([{ ...failed, tenant: name, name }]));
        const line =
          text.slice(text.indexOf("|---|---|---|---|\n") + "|---|---|---|---|\n".length).split("\n")[0] ?? "";
        expect(line.replace(/\\\\/g, "").replace(/\\\|/g, "").split("|")).toHaveLength(6);
        expect(hasControls(text)).toBe(false);
      }),
    );
  });
});

describe("the HTML result", () => {
  const scripts = (html: string): readonly string[] =>
    [...html.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1] ?? "");

  test("lets only its own style and script run", () => {
    const html = htmlResult(runResult([tenantResult()]));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
    const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src ${scripts(html).map(hash).join(" ")};`);
    expect(policy).toContain(`style-src ${hash(/<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? "")}`);
    expect(html).not.toMatch(/<[a-z][^>]*\s(?:src|style|on\w+)=/i);
    expect(html).not.toMatch(/<(?:link|img|iframe|object)\b/i);
  });
  test("shows warnings first, then what needs a person, counts, the run over time, every tenant, the log's head", () => {
    const warnings = [{ code: "LIVE_SOURCE", message: "it would mail" }];
    const html = htmlResult(runResult([tenantResult(), failed], { warnings }));
    const order = [
      "LIVE_SOURCE",
      "REFUSED: 1 tenant failed",
      'class="tiles"',
      "The run over time",
      'id="tenant-rows"',
      "The log’s head</h2>",
    ].map((part) => html.indexOf(part));
    expect(order.every((at) => at > 0)).toBe(true);
    expect([...order].sort((a, b) => a - b)).toEqual(order);
  });
  test("has every tenant with its mappings, whether scripts run or not", () => {
    const html = htmlResult(runResult([tenantResult(), failed]));
    expect(html.match(/<tr class="row"/g)).toHaveLength(2);
    expect(html.match(/Overwrite Report Apps/g)).toHaveLength(2);
    expect(html).toContain(guid("a440", 1));
    expect(html).toContain("2025-03-01 12:00:00.100 UTC, 100 ms after the start; took 23 ms");
    expect(html).not.toMatch(/<noscript|hidden[^>]*>[^<]*<table/);
  });
  test("a plan has no run over time", () => {
    expect(htmlResult(runResult([plannedTenant("create")], { dryRun: true }))).not.toContain("The run over time");
  });
  test("ten thousand writes are drawn as columns, not as ten thousand bars", () => {
    const tenants = Array.from({ length: 10_000 }, (_, at) => tenantResult({ startedMs: at, line: at }));
    const plot = /<svg class="plot"[\s\S]*?<\/svg>/.exec(htmlResult(runResult(tenants)))?.[0] ?? "";
    expect(plot.match(/<rect/g)?.length).toBeLessThan(300);
  });
  test("no name becomes markup or script", () => {
    const clean = htmlResult(
      runResult([tenantResult({ outcome: "failed", error: { code: "X", message: "m", hint: "h" } })], {
        warnings: [{ code: "W", message: "m" }],
      }),
    );
    const tags = (html: string): readonly string[] => [...html.matchAll(/<\/?[a-z!][^\s>]*/gi)].map(([tag]) => tag);
    fc.assert(
      fc.property(hostileText, hostileText, (name, message) => {
        const tenant = tenantResult({
          tenant: name,
          name,
          outcome: "failed",
          error: { code: "X", message, hint: hintOf(name) },
        });
        const html = htmlResult(runResult([tenant], { warnings: [{ code: "W", message }] }));
        expect(tags(html)).toEqual(tags(clean));
        expect(hasControls(html)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});

describe("GitHub annotations", () => {
  const manifestAt = (path: string) => ({ path, sha256: "", tenants: 1 });

  test("name the manifest's file and line, for failures as errors and for warnings", () => {
    const warnings = [{ code: "W", message: "100 %\nsure", file: "a,b.csv", line: 7 }];
    expect(
      ci.githubAnnotations(runResult([failed], { warnings, manifest: manifestAt("data\\customers.csv") })),
    ).toEqual([
      "::error file=data/customers.csv,line=3,title=REFUSED (failed)::tenant globex: the server refused it%0ACorrect the name",
      "::warning file=a%2Cb.csv,line=7,title=W::100 %25 sure",
    ]);
  });
  test("are at most ten of each, the last one a number", () => {
    const lines = ci.githubAnnotations(runResult(Array.from({ length: 30 }, () => ({ ...failed, line: undefined }))));
    expect(lines).toHaveLength(10);
    expect(lines[9]).toBe("::error title=21 more::21 more errors in the result");
  });
  test("no name can add a command or a property", () => {
    fc.assert(
      fc.property(hostileText, (name) => {
        const [line = "", ...others] = ci.githubAnnotations(
          runResult([{ ...failed, tenant: name, error: { code: name, message: name } }], {
            manifest: manifestAt(name),
          }),
        );
        expect(others).toEqual([]);
        expect(line).toMatch(/^::error (?:file=[^,:]*,)line=3,title=[^,:]*::/);
        expect(hasControls(line) || line.includes("\n") || /##\w*\[/.test(line)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

test.each(Object.entries({ json: "{", csv: "\ufeff", md: "## ", html: "<!doctype html>", xml: "<?xml" }))(
  "--out x.%s has its renderer",
  async (format, start) => {
    const render = await files.RESULT_FORMATS[format as keyof typeof files.RESULT_FORMATS]();
    expect(whole(render)(runResult([tenantResult()]), undefined).startsWith(start)).toBe(true);
  },
);
