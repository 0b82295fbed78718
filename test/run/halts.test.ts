import { describe, expect, it } from "vitest";
import { Halts } from "../../src/run/halts.js";
import { readerUntilDrained } from "../../src/run/reads-until-drained.js";
import { EXIT, StopError } from "../../src/shared/problems.js";
import type { Clock } from "../../src/shared/time.js";
import { MONTHLY } from "../support/log-samples.js";
import { taskReader } from "../support/task-reader.js";

/** A run's stop whose five seconds pass when the test says so. */
function stop() {
  const requested = new AbortController();
  const immediate = new AbortController();
  const told: (readonly [string, number])[] = [];
  let pass: () => void = () => {};
  const clock: Clock = {
    now: () => new Date(0),
    monotonic: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        told.push(["sleep", ms]);
        pass = resolve;
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  const interruption = {
    requested: requested.signal,
    immediate: immediate.signal,
    signal: () => "SIGINT" as const,
  };
  const halts = new Halts(clock, interruption, (signal, reads) => told.push([signal, reads]));
  return { halts, told, ctrlC: () => requested.abort(), again: () => immediate.abort(), passFiveSeconds: () => pass() };
}

const problem = (code: string) => ({ code, message: code });
const never = () => new Promise<string>(() => {});

describe("what a run reads when it must end", () => {
  it("is waited for no longer than for a write: five seconds", async () => {
    const { halts, told, ctrlC, passFiveSeconds } = stop();
    const reading = halts.untilDrained(never);
    ctrlC();
    expect(told).toEqual([
      ["SIGINT", 1],
      ["sleep", 5_000],
    ]);
    passFiveSeconds();
    await expect(reading).rejects.toMatchObject({ exitCode: EXIT.interrupted, problems: [{ code: "INTERRUPTED" }] });
  });

  it("is given up at once by a second signal, and nothing more is asked for", async () => {
    const { halts, ctrlC, again } = stop();
    const hanging = taskReader([{ id: MONTHLY, name: "Monthly Report" }], { readReports: () => new Promise(() => {}) });
    const reader = readerUntilDrained(hanging, halts);
    const reading = reader.readReports(MONTHLY);
    ctrlC();
    again();
    await expect(reading).rejects.toThrow(StopError);
    await expect(reader.readTask(MONTHLY)).rejects.toThrow(StopError);
    await expect(reader.listTasks({ fresh: true })).rejects.toThrow(StopError);
    expect(hanging.asked).toEqual([]);
  });

  it("counts within those five seconds", async () => {
    const { halts, ctrlC } = stop();
    let answer: (text: string) => void = () => {};
    const reading = halts.untilDrained(
      () =>
        new Promise<string>((resolve) => {
          answer = resolve;
        }),
    );
    ctrlC();
    answer("read");
    await expect(reading).resolves.toBe("read");
  });

  it("does not make an interrupted run one that failed", async () => {
    const { halts, ctrlC, again } = stop();
    const reading = halts.untilDrained(never);
    ctrlC();
    again();
    const error = await reading.then(undefined, (reason: unknown) => reason);
    if (!(error instanceof StopError)) throw new Error("it was not given up");
    halts.halt({ kind: "fatal", error });
    expect(halts.reason).toEqual({ kind: "signal", signal: "SIGINT" });
  });

  it("is given up with the error that stopped the run", async () => {
    const { halts, passFiveSeconds } = stop();
    const reading = halts.untilDrained(never);
    const error = new StopError(EXIT.server, problem("KEY_REFUSED"));
    halts.halt({ kind: "fatal", error });
    passFiveSeconds();
    await expect(reading).rejects.toBe(error);
  });
});

describe("why a run was stopped", () => {
  const server = new StopError(EXIT.server, problem("KEY_REFUSED"));
  const log = new StopError(EXIT.log, problem("LOG_WRITE"));

  it.each([
    ["the log's end after the server's", server, log],
    ["the server's end after the log's", log, server],
  ])("is the error whose exit code comes first: %s", (_, first, second) => {
    const { halts } = stop();
    halts.halt({ kind: "fatal", error: first });
    halts.halt({ kind: "fatal", error: second });
    expect(halts.reason).toMatchObject({ kind: "fatal", error: { exitCode: EXIT.log } });
  });

  it("keeps what the other error told", () => {
    const { halts } = stop();
    halts.halt({ kind: "fatal", error: server });
    halts.halt({ kind: "fatal", error: log });
    expect(halts.reason).toMatchObject({ error: { problems: [{ code: "LOG_WRITE" }, { code: "KEY_REFUSED" }] } });
  });

  it("is an error rather than a signal, and a signal rather than doubts", () => {
    const { halts, ctrlC } = stop();
    halts.halt({ kind: "doubts" });
    ctrlC();
    expect(halts.reason).toEqual({ kind: "signal", signal: "SIGINT" });
    halts.halt({ kind: "failures" });
    expect(halts.reason).toEqual({ kind: "signal", signal: "SIGINT" });
    halts.halt({ kind: "fatal", error: server });
    expect(halts.reason).toEqual({ kind: "fatal", error: server });
  });
});
