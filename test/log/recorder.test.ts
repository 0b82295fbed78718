import { describe, expect, it } from "vitest";
import { logRecorder } from "../../src/log/port.js";
import type { LogEntry } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { createIntent, createOutcome, MONTHLY } from "../support/log-samples.js";

const PREAMBLE: LogEntry = { type: "run-end", exitCode: 0, left: 0 };

/** A log in memory. */
function memoryLog() {
  const entries: LogEntry[] = [];
  return {
    entries,
    log: {
      append: async (added: readonly LogEntry[]) => {
        entries.push(...added);
        await new Promise((resolve) => setImmediate(resolve));
      },
    },
  };
}

describe("a run's recorder", () => {
  it("puts the run's first record before all others", async () => {
    const { log, entries } = memoryLog();
    const recorder = logRecorder(new LogState(), log, { id: "run-1", preamble: PREAMBLE });
    const source: LogEntry = { type: "source", sourceTaskId: MONTHLY, name: "Monthly" };
    const intent = createIntent("acme", 1);
    await recorder.record([]);
    expect(entries).toEqual([]);
    const both = [recorder.record([source]), recorder.record([intent])];
    await Promise.all(both);
    expect(entries).toEqual([PREAMBLE, source, intent]);
  });

  it("takes in what is recorded once it is durable, and not before", async () => {
    const { log } = memoryLog();
    const state = new LogState();
    const recorder = logRecorder(state, log, { id: "run-1", preamble: PREAMBLE });
    const intent = createIntent("acme", 1);
    const recording = recorder.record([intent]);
    expect([...state.tenants()]).toEqual([]);
    await recording;
    expect([...state.tenants()].map((tenant) => tenant.openCreates.map(({ write }) => write))).toEqual([
      [intent.write],
    ]);
    await recorder.record([createOutcome(1)]);
    expect([...state.tenants()].map((tenant) => tenant.openCreates)).toEqual([[]]);
  });
});
