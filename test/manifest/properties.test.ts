import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { meaningOf } from "../../src/manifest/columns.js";
import type { Manifest } from "../../src/manifest/manifest.js";
import { readManifest } from "../../src/manifest/read-manifest.js";
import { app, FLAGS, MASTER, MONTHLY, read, refusalOf, row, WEEKLY } from "../support/manifests.js";

/** A row of a manifest without faults: the nth tenant has the nth app. */
interface Row {
  readonly tenant: string;
  readonly app: string;
  readonly sourceTaskId: string;
  readonly reportId: string;
  readonly note: string;
}

const words = fc.constantFrom("acme", "Zürich", "東京", "a b", "x,y", "p;q", "it's", 'say "hi"', "7", "007", "ÆØ");
const note = fc.string({ unit: fc.constantFrom("a", "é", " ", ",", ";", "\t", '"', "\n", "€", "}"), maxLength: 12 });

/** Rows of distinct tenants; each with one to three reports, or with every report. */
const ROWS: fc.Arbitrary<readonly Row[]> = fc
  .uniqueArray(words, { minLength: 1, maxLength: 8 })
  .chain((tenants) =>
    fc.tuple(
      ...tenants.map((tenant, index) =>
        fc.record({
          tenant: fc.constant(tenant),
          app: fc.constant(app(index + 1)),
          sourceTaskId: fc.constantFrom(MONTHLY, WEEKLY, ""),
          reports: fc.constantFrom([""], [row(1)], [row(1), row(2), row(3)]),
          note,
        }),
      ),
    ),
  )
  .map((tenants) => tenants.flatMap(({ reports, ...rest }) => reports.map((reportId) => ({ ...rest, reportId }))));

const HEADER = ["tenant", "newQlikAppId", "sourceTaskId", "reportId", "note"];
const valuesOf = (one: Row) => [one.tenant, one.app, one.sourceTaskId, one.reportId, one.note];
const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;

function csvOf(rows: readonly Row[], delimiter = ",", end = "\n"): string {
  return [HEADER, ...rows.map(valuesOf)].map((values) => values.map(quoted).join(delimiter) + end).join("");
}

/** What a manifest means, whatever the order and the lines of its rows. */
function contentOf(manifest: Manifest): unknown {
  return manifest.tenants
    .map((tenant) => ({
      ...tenant,
      line: undefined,
      // No name uses reportId here, and it differs between a tenant's rows.
      columns: HEADER.filter((name) => name !== "reportId").map((name) => tenant.columns.get(meaningOf(name))),
      desired: tenant.desired.map((mapping) => JSON.stringify({ ...mapping, line: undefined })).sort(),
    }))
    .sort((a, b) => (`${a.key} ${a.sourceTaskId}` < `${b.key} ${b.sourceTaskId}` ? -1 : 1));
}

describe("any manifest", () => {
  it("means the same in any order of its rows", async () => {
    const shuffled = ROWS.chain((rows) =>
      fc.tuple(fc.constant(rows), fc.shuffledSubarray([...rows], { minLength: rows.length })),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async ([rows, others]) => {
        expect(contentOf(await read(csvOf(others)))).toEqual(contentOf(await read(csvOf(rows))));
      }),
    );
  });

  it("means the same with any delimiter, line end and encoding", async () => {
    const encodings: readonly ((text: string) => Uint8Array)[] = [
      (text) => Buffer.from(text),
      (text) => Buffer.from(`\ufeff${text}`),
      (text) => Buffer.from(`\ufeff${text}`, "utf16le"),
      (text) => Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
    ];
    await fc.assert(
      fc.asyncProperty(
        ROWS,
        fc.constantFrom(",", ";", "\t"),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.constantFrom(...encodings),
        async (rows, delimiter, end, encode) => {
          const other = await read(encode(csvOf(rows, delimiter, end)));
          expect(contentOf(other)).toEqual(contentOf(await read(csvOf(rows))));
        },
      ),
    );
  });

  it("means the same as JSON", async () => {
    await fc.assert(
      fc.asyncProperty(ROWS, async (rows) => {
        const entries = rows.map((one) => Object.fromEntries(HEADER.map((name, at) => [name, valuesOf(one)[at]])));
        const other = await read(JSON.stringify(entries), { path: "tenants.json" });
        expect(contentOf(other)).toEqual(contentOf(await read(csvOf(rows))));
      }),
    );
  });

  it("has a source task and a mapping for each enabled tenant, or is refused with exit 2: never a crash", async () => {
    const scraps = fc.constantFrom(
      ..."tenant|customer|appId|newQlikAppId|qlikAppId|sourceTaskId|reportId|enabled|name|newTaskId|acme|ACME|globex|yes|no|{|}|{tenant}|[|]|:|null|7".split(
        "|",
      ),
      ..."mappings|tenants|reportIds|sep=;|#TYPE x".split("|"),
      ...[
        app(1),
        app(2),
        MASTER,
        MONTHLY,
        WEEKLY,
        row(1),
        '"',
        '""',
        ",",
        ",",
        ",",
        ";",
        "\t",
        "\n",
        "\n",
        "\r\n",
        "\u00a0",
        "\ufeff",
        "é",
      ],
    );
    const text = fc.array(scraps, { maxLength: 60 }).map((parts) => Buffer.from(parts.join("")));
    const json = fc
      .json({ stringUnit: fc.constantFrom("tenant", "tenants", "mappings", "name", "enabled", app(1)) })
      .map((value) => Buffer.from(value));
    const contents = fc.oneof(text, json, fc.uint8Array({ maxLength: 200 }));
    await fc.assert(
      fc.asyncProperty(contents, fc.constantFrom("a.csv", "a.json", "-"), async (bytes, path) => {
        let manifest: Manifest | undefined;
        const refusal = await refusalOf(
          readManifest({ path, bytes, defaults: FLAGS }).then((one) => {
            manifest = one;
          }),
        );
        if (refusal !== undefined) expect(refusal.problems.length).toBeGreaterThan(0);
        for (const tenant of manifest?.tenants.filter((one) => one.enabled) ?? []) {
          expect(tenant.sourceTaskId).toBeDefined();
          expect(tenant.desired.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
