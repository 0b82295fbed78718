import { describe, expect, it } from "vitest";
import { logRecorder } from "../../src/app/recorder.js";
import type { LogEntry } from "../../src/domain/log-record.js";
import { LogState } from "../../src/domain/log-state.js";
import { createIntent, createOutcome, MONTHLY } from "../support/log-samples.js";

const PREAMBLE: LogEntry = { type: "run-end", exitCode: 0, left: 0 };

/** A log in memory; what is only appended makes way, as on a disk. */
function memoryLog() {
  const entries: LogEntry[] = [];
  const prepare = (added: readonly LogEntry[]) => async () => {
    entries.push(...added);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    entries,
    log: {
      prepare,
      append: async (added: readonly LogEntry[]) => {
        await new Promise((resolve) => setImmediate(resolve));
        await prepare(added)();
      },
      head: () => ({ path: "log", seq: 0, digest: "" }),
      checkMaySend: () => {},
    },
  };
}

describe("a run's recorder", () => {
  it("puts the run's first record before all others, whoever comes first", async () => {
    for (const first of ["record", "prepare"] as const) {
      const { log, entries } = memoryLog();
      const recorder = logRecorder(new LogState(), log, { id: "run-1", preamble: PREAMBLE });
      const source: LogEntry = { type: "source", sourceTaskId: MONTHLY, name: "Monthly" };
      const recordIntent = recorder.prepare([createIntent("acme", 1)]);
      expect(recorder.recorded()).toBe(false);
      const both =
        first === "record" ? [recorder.record([source]), recordIntent()] : [recordIntent(), recorder.record([source])];
      expect(recorder.recorded()).toBe(true);
      await Promise.all(both);
      expect(entries[0]).toEqual(PREAMBLE);
      expect(entries).toHaveLength(3);
    }
  });

  it("knows nothing of what is only prepared, and takes in what is recorded once it is durable", async () => {
    const { log } = memoryLog();
    const state = new LogState();
    const recorder = logRecorder(state, log, { id: "run-1", preamble: PREAMBLE });
    const intent = createIntent("acme", 1);
    const recordIntent = recorder.prepare([intent]);
    expect([...state.tenants()]).toEqual([]);
    const recording = recordIntent();
    expect([...state.tenants()]).toEqual([]);
    await recording;
    expect([...state.tenants()].map((tenant) => tenant.openCreates.map(({ write }) => write))).toEqual([
      [intent.write],
    ]);
    await recorder.record([createOutcome(1)]);
    expect([...state.tenants()].map((tenant) => tenant.openCreates)).toEqual([[]]);
  });
});
