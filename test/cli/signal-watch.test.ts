import { EventEmitter } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SignalWatch } from "../../src/cli/program.js";

afterEach(() => vi.useRealTimers());

function watched(platform: NodeJS.Platform = "linux") {
  vi.useFakeTimers({ toFake: ["performance"] });
  const source = new EventEmitter();
  const told: string[] = [];
  const watch = new SignalWatch(source, platform, {
    hurry: () => told.push("hurry"),
    endNow: (code) => told.push(`end ${code}`),
  });
  void watch.untaken.then((signal) => told.push(`untaken ${signal}`));
  const pass = (ms: number): unknown => vi.advanceTimersByTime(ms);
  return { watch, told, pass, send: (...signals: readonly string[]) => signals.map((signal) => source.emit(signal)) };
}

describe("a command that has taken signals over", () => {
  it("is told by the first that nothing new starts, and by the second that nothing is waited for", () => {
    const { watch, told, send } = watched();
    const { requested, immediate, signal } = watch.takeOver();
    expect([requested.aborted, immediate.aborted]).toEqual([false, false]);
    send("SIGTERM");
    expect([requested.aborted, immediate.aborted, signal()]).toEqual([true, false, "SIGTERM"]);
    send("SIGINT");
    expect([requested.aborted, immediate.aborted, signal()]).toEqual([true, true, "SIGTERM"]);
    expect(told).toEqual(["hurry"]);
  });

  it("takes the second SIGHUP of a terminal that closes, its shell's, for the first", () => {
    const { watch, pass, send } = watched();
    const { immediate } = watch.takeOver();
    send("SIGHUP", "SIGHUP");
    expect(immediate.aborted).toBe(false);
    pass(2000);
    send("SIGHUP");
    expect(immediate.aborted).toBe(true);
  });

  it.each([
    ["SIGINT", "end 130"],
    ["SIGTERM", "end 143"],
    ["SIGHUP", "end 129"],
    ["SIGQUIT", "end 131"],
  ])(
    "takes more of them for impatience, and ends at one that comes two seconds later, with the code of the first: %s",
    (first, end) => {
      const { watch, told, pass, send } = watched();
      watch.takeOver();
      send(first, "SIGINT", "SIGINT", "SIGINT");
      pass(1999);
      send("SIGINT");
      expect(told).toEqual(["hurry"]);
      pass(1);
      send("SIGINT");
      expect(told).toEqual(["hurry", end]);
    },
  );

  it("learns of a signal that came before", async () => {
    const { watch, told, send } = watched();
    send("SIGINT");
    expect(watch.takeOver().requested.aborted).toBe(true);
    await watch.untaken;
    expect(told).toEqual(["hurry", "untaken SIGINT"]);
  });
});

describe("a command that has not", () => {
  it("is ended by the first, and by one that comes two seconds later whatever it waits for", async () => {
    const { watch, told, pass, send } = watched();
    send("SIGTERM", "SIGTERM");
    await watch.untaken;
    pass(2000);
    send("SIGTERM");
    expect(told).toEqual(["hurry", "untaken SIGTERM", "end 143"]);
  });
});

describe("Ctrl-Break", () => {
  it("counts as Ctrl-C on Windows, and is unknown elsewhere", () => {
    const windows = watched("win32");
    const { requested, signal } = windows.watch.takeOver();
    windows.send("SIGBREAK");
    expect([requested.aborted, signal()]).toEqual([true, "SIGINT"]);
    expect(watched("linux").send("SIGBREAK")).toEqual([false]);
  });
});
