import { describe, expect, it } from "vitest";
import { RunAbort, readerUntilDrained } from "../../src/run/abort.js";
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
  const abort = new RunAbort(clock, interruption, (signal, reads) => told.push([signal, reads]));
  return { abort, told, ctrlC: () => requested.abort(), again: () => immediate.abort(), passFiveSeconds: () => pass() };
}

const problem = (code: string) => ({ code, message: code });
const never = () => new Promise<string>(() => {});

describe("what a run reads when it must end", () => {
  it("is waited for no longer than for a write: five seconds", async () => {
    const { abort, told, ctrlC, passFiveSeconds } = stop();
    const reading = abort.untilDrained(never);
    ctrlC();
    expect(told).toEqual([
      ["SIGINT", 1],
      ["sleep", 5_000],
    ]);
    passFiveSeconds();
    await expect(reading).rejects.toMatchObject({ exitCode: EXIT.interrupted, problems: [{ code: "INTERRUPTED" }] });
  });

  it("is given up at once by a second signal, and nothing more is asked for", async () => {
    const { abort, ctrlC, again } = stop();
    const hanging = taskReader([{ id: MONTHLY, name: "Monthly Report" }], { readReports: () => new Promise(() => {}) });
    const reader = readerUntilDrained(hanging, abort);
    const reading = reader.readReports(MONTHLY);
    ctrlC();
    again();
    await expect(reading).rejects.toThrow(StopError);
    await expect(reader.readTask(MONTHLY)).rejects.toThrow(StopError);
    await expect(reader.listTasks({ fresh: true })).rejects.toThrow(StopError);
    expect(hanging.asked).toEqual([]);
  });

  it("counts within those five seconds", async () => {
    const { abort, ctrlC } = stop();
    let answer: (text: string) => void = () => {};
    const reading = abort.untilDrained(
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
    const { abort, ctrlC, again } = stop();
    const reading = abort.untilDrained(never);
    ctrlC();
    again();
    const error = await reading.then(undefined, (reason: unknown) => reason);
    if (!(error instanceof StopError)) throw new Error("it was not given up");
    abort.abort({ kind: "fatal", error });
    expect(abort.reason).toEqual({ kind: "signal", signal: "SIGINT" });
  });

  it("is given up with the error that stopped the run", async () => {
    const { abort, passFiveSeconds } = stop();
    const reading = abort.untilDrained(never);
    const error = new StopError(EXIT.server, problem("KEY_REFUSED"));
    abort.abort({ kind: "fatal", error });
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
    const { abort } = stop();
    abort.abort({ kind: "fatal", error: first });
    abort.abort({ kind: "fatal", error: second });
    expect(abort.reason).toMatchObject({ kind: "fatal", error: { exitCode: EXIT.log } });
  });

  it("keeps what the other error told", () => {
    const { abort } = stop();
    abort.abort({ kind: "fatal", error: server });
    abort.abort({ kind: "fatal", error: log });
    expect(abort.reason).toMatchObject({ error: { problems: [{ code: "LOG_WRITE" }, { code: "KEY_REFUSED" }] } });
  });

  it("is an error rather than a signal, and a signal rather than doubts", () => {
    const { abort, ctrlC } = stop();
    abort.abort({ kind: "doubts" });
    ctrlC();
    expect(abort.reason).toEqual({ kind: "signal", signal: "SIGINT" });
    abort.abort({ kind: "failures" });
    expect(abort.reason).toEqual({ kind: "signal", signal: "SIGINT" });
    abort.abort({ kind: "fatal", error: server });
    expect(abort.reason).toEqual({ kind: "fatal", error: server });
  });
});
