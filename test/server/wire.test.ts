import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  activeTriggersOf,
  type JsonBody,
  newTaskIdOf,
  openEnvelope,
  parseBody,
  recipientsOf,
  reportRowOf,
  reportsOf,
  rowsOf,
  serverText,
  taskDetailsOf,
  taskOf,
} from "../../src/server/wire.js";
import { normalGuid, type TaskId } from "../../src/shared/ids.js";

const SOURCE = "11111111-1111-4111-8111-111111111111" as TaskId;
const KEYS = [
  "data",
  "Data",
  "id",
  "ID",
  "name",
  "isSuccess",
  "error",
  "status",
  "reportID",
  "overwriteReportApps",
  "qlikApps",
];

/** JSON that has the API's words in every wrong place. */
const anyJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.jsonValue(),
    fc.uuid(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("value"), { maxKeys: 5 }),
  ),
})).value;

describe("whatever a server sends", () => {
  it("is read without a throw, and gives only what is what it says", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const body: JsonBody = { kind: "json", value };
        const id = newTaskIdOf(body, SOURCE);
        expect(id === undefined || normalGuid(id) === id).toBe(true);
        openEnvelope(value);
        taskDetailsOf(value, SOURCE);
        const count = recipientsOf(value);
        expect(count === undefined || count >= 0).toBe(true);
        const rows = rowsOf(value) ?? [value];
        for (const row of rows) {
          const task = taskOf(row);
          expect(task === undefined || (normalGuid(task.id) === task.id && task.name.trim() !== "")).toBe(true);
        }
        activeTriggersOf(rows);
        reportsOf(rows.flatMap((row) => reportRowOf(row) ?? []));
      }),
    );
  });

  it("is told on one line of at most 300 characters, without control characters", () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, fc.string({ unit: "binary" })), (value) => {
        const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value), "utf8");
        const text = serverText(parseBody(bytes, "application/json"), (said) => said);
        expect(text === undefined || (text.length <= 300 && text.length > 0)).toBe(true);
        expect(text ?? "").not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      }),
    );
  });

  it("is JSON if it parses as JSON, whatever its type says", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom("text/html", "text/plain", ""), (value, type) => {
        expect(parseBody(Buffer.from(JSON.stringify(value)), type)).toEqual({
          kind: "json",
          value: JSON.parse(JSON.stringify(value)),
        });
      }),
    );
  });
});
