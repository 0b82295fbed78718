import fc from "fast-check";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { humanResult, humanStatus } from "../../src/reporter/human.js";
import { type Look, lookOf, PLAIN } from "../../src/reporter/look.js";
import { errorsText } from "../../src/reporter/problems.js";
import { EXIT } from "../../src/shared/problems.js";
import type { StatusReport, TenantStatus } from "../../src/shared/results.js";
import { hasControls, holdsCommand, hostileText } from "../results/hostile-text.js";
import { guid, plannedTenant, runResult, SOURCE, tenantResult } from "../results/sample-results.js";

const look: Look = { palette: PLAIN, width: undefined };
const lastLine = (text: string): string | undefined => text.trimEnd().split("\n").at(-1);

describe("the plan for people", () => {
  const plan = (count: number, ...others: Parameters<typeof runResult>[0][number][]) =>
    runResult(
      [
        ...Array.from({ length: count }, (_, at) =>
          plannedTenant("create", { tenant: `customer-${at}`, line: at + 2 }),
        ),
        ...others,
      ],
      { dryRun: true },
    );

  test("shows each tenant with symbol, action, name and reason, then the counts, the log's head and how to go on", () => {
    const text = humanResult(
      plan(1, plannedTenant("unchanged", { tenant: "globex", reason: "as the manifest wants it" })),
      look,
      { next: "qalyptus-propagate sync customers.csv" },
    );
    expect(text).toMatch(/^\+ +customer-0 +create +Monthly figures - acme +no copy yet$/m);
    expect(text).toMatch(/^= +globex +unchanged .*as the manifest wants it$/m);
    expect(text).toContain("Plan: 1 create, 1 unchanged");
    expect(text).toContain("seq 812");
    expect(lastLine(text)).toBe("→ qalyptus-propagate sync customers.csv");
  });
  test("cuts a long list in the middle and keeps the counts", () => {
    const text = humanResult(plan(500, plannedTenant("unchanged", { tenant: "globex" })), look);
    expect(text).toContain("customer-0 ");
    expect(text).toContain("customer-499");
    expect(text).not.toContain("customer-250");
    expect(text).toContain("... 468 more: 468 create");
    expect(text).toContain("1 tenant unchanged, not shown");
    expect(text).toContain("Plan: 500 create, 1 unchanged");
    expect(text.split("\n").length).toBeLessThan(50);
  });
  test("shows a conflict that the cut hides, with what to do", () => {
    const conflict = plannedTenant("conflict", {
      tenant: "umbrella",
      error: { code: "GONE", message: "the copy is gone", hint: "run sync with --recreate" },
    });
    const result = plan(100);
    const text = humanResult(
      runResult([...result.tenants.slice(0, 50), conflict, ...result.tenants.slice(50)], { dryRun: true }),
      look,
    );
    expect(text).toContain("GONE  1 tenant in conflict");
    expect(text).toContain("tenant: umbrella");
    expect(text).toContain("→ run sync with --recreate");
  });
  test("fits a narrow terminal, also with wide characters", () => {
    const tenants = [
      plannedTenant("create", {
        tenant: "日本の会社日本の会社日本の会社",
        name: "長い名前".repeat(20),
        reason: "no copy yet, and a long story",
      }),
    ];
    const text = humanResult(runResult(tenants, { dryRun: true }), { ...look, width: 100 });
    const row = text.split("\n").find((line) => line.startsWith("+")) ?? "";
    expect(stringWidth(row)).toBeLessThanOrEqual(100);
    expect(row).toContain("create");
  });
});

describe("the result for people", () => {
  const failed = (tenant: string, message: string) =>
    tenantResult({ tenant, outcome: "failed", error: { code: "REFUSED", message, hint: "Correct the name" } });

  test("tells many equal failures once, with their tenants and the remedy", () => {
    const text = humanResult(
      runResult(Array.from({ length: 300 }, (_, at) => failed(`customer-${at}`, "the server refused it"))),
      look,
    );
    expect(text.match(/the server refused it/g)).toHaveLength(1);
    expect(text.match(/Correct the name/g)).toHaveLength(1);
    expect(text).toContain("300 tenants failed");
    expect(text).toContain("and 288 more");
  });
  test("tells doubts once that differ in their tenant's name only, with TENANT in its place", () => {
    const doubt = (tenant: string) =>
      tenantResult({
        tenant,
        outcome: "in-doubt",
        error: { code: "TIMEOUT", message: "no answer in time", hint: `run again; or: resolve ${tenant} --retry` },
      });
    const text = humanResult(runResult(["hooli", "initech-2", "a (b)", "n"].map(doubt)), look);
    expect(text).toContain("    no answer in time\n    tenants: hooli, initech-2, a (b), n\n");
    expect(text.match(/→/g)).toHaveLength(1);
    expect(text).toContain("→ run again; or: resolve TENANT --retry");
    const alone = humanResult(runResult([doubt("hooli")]), look);
    expect(alone).toContain("resolve hooli --retry");
  });
  test("says that a run was interrupted, and how much it left", () => {
    const tenants = [tenantResult(), plannedTenant("create"), tenantResult({ outcome: "in-doubt" })];
    const interrupted = humanResult(runResult(tenants, { exitCode: EXIT.interrupted }), look);
    expect(interrupted).toContain("Interrupted by SIGINT: 2 tenants left to do or to look up");
    expect(humanResult(runResult(tenants, { exitCode: EXIT.inDoubt }), look)).not.toContain("Interrupted");
  });
  test("tells different failures of one code one by one, and no more than a few", () => {
    const text = humanResult(
      runResult(Array.from({ length: 100 }, (_, at) => failed(`customer-${at}`, `refused: ${at}`))),
      look,
    );
    expect(text).toContain("customer-3 (line 2): refused: 3");
    expect(text).toContain("and 92 more tenants");
    expect(text.split("\n").length).toBeLessThan(25);
  });
  test("counts outcomes, and how many copies were read back", () => {
    const tenants = [
      tenantResult(),
      tenantResult({ tenant: "globex", verified: false }),
      tenantResult({ tenant: "hooli", verifiedAt: "2025-02-27T02:00:00.000Z" }),
      tenantResult({ tenant: "initech", outcome: "in-doubt" }),
    ];
    const text = humanResult(runResult(tenants), look, { next: "qalyptus-propagate sync --resume" });
    expect(text).toMatch(/✓ +3 succeeded +3 create/);
    expect(text).toMatch(/\? +1 in doubt/);
    expect(text).toContain(
      "1 of 3 copies read back with their mappings in this run (verified); 1 verified earlier, the oldest on 2025-02-27",
    );
    expect(lastLine(text)).toBe("→ qalyptus-propagate sync --resume");
  });
  test("tells the error of a tenant that was not carried out", () => {
    const twin = plannedTenant("skip", {
      tenant: "wayne",
      error: { code: "TWIN", message: "two tasks", hint: "delete one" },
    });
    expect(humanResult(runResult([twin]), look)).toContain("TWIN  1 tenant to be looked at");
  });
  test("counts warnings that were told already, and lists them else", () => {
    const warnings = [
      { code: "INSECURE", message: "anyone is trusted" },
      { code: "INSECURE", message: "anyone is trusted" },
    ];
    expect(humanResult(runResult([], { warnings }), look, { warnings: "count" })).toContain("2 warnings: INSECURE ×2");
    expect(humanResult(runResult([], { warnings }), look)).toContain("warning: anyone is trusted [INSECURE]");
  });
});

describe("errors for people", () => {
  test("say what, where and what to do next", () => {
    const problem = {
      code: "NO_GUID",
      message: '"x" is no GUID',
      hint: "Correct it",
      file: "customers.csv",
      line: 12,
      column: "newQlikAppId",
      tenant: "acme",
    };
    expect(errorsText([problem], look)).toBe(
      'error: "x" is no GUID [NO_GUID]\n  at customers.csv:12, column newQlikAppId, tenant acme\n  → Correct it\n',
    );
  });
  test("are at most fifty, and how many more", () => {
    const text = errorsText(
      Array.from({ length: 73 }, (_, at) => ({ code: "X", message: `fault ${at}` })),
      look,
    );
    expect(text.match(/^error:/gm)).toHaveLength(50);
    expect(text).toContain("and 23 more errors");
  });
});

describe("status for people", () => {
  const tenant = (given: Partial<TenantStatus>): TenantStatus => ({
    tenant: "acme",
    sourceTaskId: SOURCE,
    state: "copied",
    newTaskId: guid("c0b1", 1),
    name: "Monthly figures - acme",
    verified: true,
    mappings: [],
    doubts: [],
    ...given,
  });
  const report = (tenants: readonly TenantStatus[]): StatusReport => ({
    version: 1,
    command: "status",
    server: "https://q.example",
    log: { path: "x.jsonl", seq: 3, digest: "d1" },
    tenants,
    warnings: [],
    errors: [],
    exitCode: 0,
  });

  test("shows every tenant, its doubts and the log's head", () => {
    const doubt = { kind: "create", name: "Monthly figures - globex", at: "2025-03-01T12:00:00Z" } as const;
    const pieces = humanStatus(
      report([
        tenant({}),
        tenant({ tenant: "globex", state: "in-doubt", newTaskId: undefined, verified: false, doubts: [doubt] }),
      ]),
      look,
    );
    const text = [...pieces].join("");
    expect(text).toMatch(new RegExp(`acme +copied +not known +yes +${guid("c0b1", 1)}`));
    expect(text).toMatch(/globex +in doubt +not known +no +-/);
    expect(text).toContain(
      'globex: create "Monthly figures - globex", sent 2025-03-01T12:00:00Z, has no certain outcome',
    );
    expect(text).toContain("The log knows: 1 copied, 1 in doubt");
    expect(text).toContain("seq 3, digest d1");
  });
});

test("nothing for people carries a control character or a CI command, whatever names and messages hold", () => {
  fc.assert(
    fc.property(
      hostileText,
      hostileText,
      fc.option(fc.integer({ min: 20, max: 200 }), { nil: undefined }),
      (name, message, width) => {
        const problem = { code: "X", message, hint: name, tenant: name, file: name, column: message };
        const tenants = [
          tenantResult({
            tenant: name,
            name: message,
            reason: message,
            outcome: "failed",
            error: { code: "X", message, hint: name },
          }),
          plannedTenant("conflict", { tenant: message, reason: name }),
        ];
        const result = runResult(tenants, {
          warnings: [problem],
          server: name,
          manifest: { path: message, sha256: "", tenants: 2 },
          log: { path: name, seq: 1, digest: "" },
        });
        const narrow = { ...look, width };
        const status: StatusReport = {
          version: 1,
          command: "status",
          server: name,
          log: null,
          warnings: [problem],
          errors: [],
          exitCode: 0,
          tenants: [
            {
              tenant: name,
              sourceTaskId: SOURCE,
              state: "in-doubt",
              name: message,
              verified: false,
              mappings: [],
              doubts: [{ kind: "create", name }],
            },
          ],
        };
        for (const text of [
          humanResult(result, narrow, { next: message }),
          humanResult(result, narrow, { next: name }),
          [...humanStatus(status, narrow)].join(""),
          errorsText([problem], narrow),
        ]) {
          expect(hasControls(text)).toBe(false);
          expect(holdsCommand(text)).toBe(false);
        }
      },
    ),
    { numRuns: 300 },
  );
});

describe("colour", () => {
  const facts = { isTTY: true, noColor: false, ci: false, env: { TERM: "xterm-256color" } };
  test.each([
    ["a terminal has colour", facts, true],
    ["a file has none", { ...facts, isTTY: false }, false],
    ["CI has none", { ...facts, ci: true }, false],
    ["NO_COLOR takes it away", { ...facts, env: { ...facts.env, NO_COLOR: "1", FORCE_COLOR: "3" } }, false],
    ["an empty NO_COLOR says nothing", { ...facts, env: { ...facts.env, NO_COLOR: "" } }, true],
    ["--no-color wins over FORCE_COLOR", { ...facts, noColor: true, env: { FORCE_COLOR: "1" } }, false],
    ["FORCE_COLOR gives it to a file", { ...facts, isTTY: false, env: { FORCE_COLOR: "1" } }, true],
    ["FORCE_COLOR=0 takes it away", { ...facts, env: { FORCE_COLOR: "0" } }, false],
    ["a dumb terminal has none", { ...facts, env: { TERM: "dumb" } }, false],
  ] as const)("%s", (_, given, hasColour) => {
    const stream = { isTTY: given.isTTY, columns: () => undefined };
    const { palette } = lookOf(given, given, stream);
    expect(palette.bad("x")).toBe(hasColour ? "\u001b[31mx\u001b[39m" : "x");
  });
});
