import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { SignalWatch } from "../../src/cli/signal-watch.js";

function watched(platform: NodeJS.Platform = "linux") {
  const source = new EventEmitter();
  const told: string[] = [];
  const watch = new SignalWatch(source, platform, {
    untaken: (signal) => told.push(`untaken ${signal}`),
    endNow: (code) => told.push(`end ${code}`),
  });
  return { watch, told, send: (...signals: readonly string[]) => signals.map((signal) => source.emit(signal)) };
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
    expect(told).toEqual([]);
  });

  it.each([
    ["SIGINT", "end 130"],
    ["SIGTERM", "end 143"],
  ])("ends at the third, with the code of the first: %s", (first, end) => {
    const { watch, told, send } = watched();
    watch.takeOver();
    send(first, "SIGINT", "SIGINT");
    expect(told).toEqual([end]);
  });

  it("learns of a signal that came before", () => {
    const { watch, told, send } = watched();
    send("SIGINT");
    expect(watch.takeOver().requested.aborted).toBe(true);
    expect(told).toEqual(["untaken SIGINT"]);
  });
});

describe("a command that has not", () => {
  it("is ended by the first, at once by the second", () => {
    const { told, send } = watched();
    send("SIGTERM", "SIGTERM");
    expect(told).toEqual(["untaken SIGTERM", "end 143"]);
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
