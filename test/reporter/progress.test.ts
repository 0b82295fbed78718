import { PassThrough, Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { PLAIN } from "../../src/reporter/look.js";
import { createProgress, type ProgressOptions } from "../../src/reporter/progress.js";
import type { RunEvent } from "../../src/shared/results.js";
import { tenantResult } from "../results/sample-results.js";

class Listener extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Enough of a terminal for the live line. */
class Terminal extends PassThrough {
  readonly isTTY = true;
  readonly columns: number;
  constructor(columns = 120) {
    super();
    this.columns = columns;
  }
  cursorTo(): boolean {
    return true;
  }
  moveCursor(): boolean {
    return true;
  }
  clearLine(): boolean {
    return true;
  }
}

async function listen(events: readonly (RunEvent | number)[], given: Partial<ProgressOptions> = {}): Promise<string> {
  const stream = new Listener();
  let time = 0;
  const progress = await createProgress({
    stream,
    isTTY: false,
    ci: false,
    quiet: false,
    verbose: false,
    look: { palette: PLAIN },
    now: () => time,
    ...given,
  });
  for (const event of events) {
    if (typeof event === "number") time += event;
    else progress.emit(event);
  }
  progress.stop();
  return stream.text;
}

const settled = (tenant: string, outcome: "succeeded" | "failed" | "in-doubt" = "succeeded"): RunEvent => ({
  kind: "tenant",
  result: tenantResult({
    tenant,
    outcome,
    ...(outcome === "succeeded" ? {} : { error: { code: "REFUSED", message: "the server refused it" } }),
  }),
});
const many = (count: number, outcome?: "failed"): RunEvent[] =>
  Array.from({ length: count }, (_, at) => settled(`customer-${at}`, outcome));
const unlogged: RunEvent = { kind: "unlogged", tenant: "acme", newTaskId: "c0b1", message: "the disk is full" };
const request: RunEvent = {
  kind: "request",
  method: "POST",
  path: "/api/v2/tasks/x/duplicate",
  status: 200,
  ms: 12.4,
  requestId: "r-1",
};

describe("progress where nobody watches", () => {
  test("is one plain line every few seconds, with counts, rate and time left", async () => {
    const text = await listen([{ kind: "started", total: 200 }, ...many(50), 5000, settled("last"), 1000, ...many(10)]);
    expect(text).toBe("51 of 200 (25 %): 51 succeeded, 10/s, about 15 s left\n");
  });
  test("tells failures as they come, and not more than twenty", async () => {
    const text = await listen([{ kind: "started", total: 200 }, ...many(100, "failed")]);
    expect(text).toContain("✗ customer-0: the server refused it [REFUSED]\n");
    expect(text.split("\n")).toHaveLength(22);
    expect(text).toContain("more failures are in the result");
  });
  test("counts a tenant once that was in doubt and then settled", async () => {
    const text = await listen([
      { kind: "started", total: 2 },
      settled("acme", "in-doubt"),
      settled("acme"),
      6000,
      settled("globex"),
    ]);
    expect(text).toContain("2 of 2 (100 %): 2 succeeded");
  });
  test("says what it waits for, and warnings a few times each", async () => {
    const warning: RunEvent = {
      kind: "warning",
      problem: { code: "INSECURE", message: "anyone is trusted", hint: "use --ca-file" },
    };
    const text = await listen([
      ...Array.from({ length: 50 }, () => warning),
      { kind: "waiting", reason: "--settle", ms: 15_000 },
    ]);
    expect(text.match(/anyone is trusted/g)).toHaveLength(5);
    expect(text.match(/more warnings \[INSECURE\] are in the result/g)).toHaveLength(1);
    expect(text).toContain("waiting 15 s: --settle\n");
    const wait: RunEvent = { kind: "waiting", reason: "429", ms: 5000 };
    expect((await listen([wait, wait, 5000, wait])).match(/waiting/g)).toHaveLength(2);
  });
  test("never lets a name begin a line as a CI command", async () => {
    const text = await listen([
      settled("::error::x", "failed"),
      { kind: "step", message: "::add-mask::x" },
      { ...unlogged, tenant: "##vso[x]" },
    ]);
    expect(text.split("\n").some((line) => line.trim().startsWith("::") || /##\w*\[/.test(line))).toBe(false);
  });
});

describe("quiet and verbose", () => {
  test("tells nothing of a conflict that the plan will list", async () => {
    expect(await listen([{ kind: "started", total: 1 }, settled("globex", "failed")], { warnings: false })).toBe("");
  });
  test("quiet shows only what is in no log", async () => {
    const text = await listen(
      [
        { kind: "started", total: 9 },
        ...many(9, "failed"),
        { kind: "warning", problem: { code: "W", message: "m" } },
        request,
        unlogged,
      ],
      { quiet: true, verbose: true },
    );
    expect(text).toBe("NOT IN THE LOG: tenant acme has the copy c0b1; write it down: the disk is full\n");
  });
  test("verbose shows each request", async () => {
    expect(await listen([request])).toBe("");
    expect(await listen([request], { verbose: true })).toBe("POST /api/v2/tasks/x/duplicate 200 12 ms r-1\n");
  });
});

describe("progress on a terminal", () => {
  const watch = async (ci: boolean): Promise<string> => {
    const stream = new Terminal();
    const progress = await createProgress({
      stream,
      isTTY: true,
      ci,
      quiet: false,
      verbose: false,
      look: { palette: PLAIN },
      now: () => 0,
    });
    for (const event of [
      { kind: "started", total: 2 } as const,
      settled("globex", "failed"),
      { kind: "waiting", reason: "--settle", ms: 15_000 } as const,
    ])
      progress.emit(event);
    progress.emit(settled("initech", "failed"));
    progress.stop();
    progress.emit(settled("late"));
    progress.stop();
    return String(stream.read() ?? "");
  };

  test("is a live line with a bar and a countdown, failures printed above it", async () => {
    const text = await watch(false);
    expect(text).toContain("░".repeat(24));
    expect(text).toContain("waiting 15 s: --settle");
    expect(text).toContain("✗ globex: the server refused it [REFUSED]\n");
    expect(text).toContain("1/2  ✗ 1");
  });
  test("tells on 80 columns what it waits for, and leaves the bar and the counts out for it", async () => {
    const stream = new Terminal(80);
    const reason = "until what was in flight must have arrived (12 in doubt)";
    const common = { isTTY: true, ci: false, quiet: false, verbose: false, now: () => 0 };
    const progress = await createProgress({ stream, look: { palette: PLAIN, width: 80 }, ...common });
    progress.emit({ kind: "started", total: 63 });
    progress.emit({ kind: "waiting", reason, ms: 56_000 });
    progress.emit(settled("globex", "failed"));
    progress.stop();
    expect(String(stream.read() ?? "")).toContain(`1/63  waiting 56 s: ${reason}`);
  });
  test("tells which answer is late, for how long, and how long it is waited for at most", async () => {
    let time = 0;
    const stream = new Terminal(120);
    const common = { isTTY: true, ci: false, quiet: false, verbose: false, now: () => time };
    const progress = await createProgress({ stream, look: { palette: PLAIN, width: 120 }, ...common });
    const sent = (requestId: string, method: string, path: string): RunEvent => ({
      ...{ kind: "sent", requestId, method, path, timeoutMs: 60_000 },
    });
    /** What the line shows when something is told. */
    const shownAfter = async (ms: number): Promise<string> => {
      time += ms;
      stream.read();
      await expect.poll(() => stream.readableLength, { timeout: 2000 }).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return String(stream.read() ?? "");
    };
    progress.emit({ kind: "started", total: 63 });
    progress.emit(sent("a", "POST", "/api/v2/tasks/x/duplicate"));
    progress.emit(sent("b", "GET", "/api/v2/tasks?get_all=true"));
    expect(await shownAfter(1000)).not.toContain("waiting");
    expect(await shownAfter(11_000)).toContain(
      "waiting 48 s, 12 s passed: for the answer to a create and 1 other request",
    );
    progress.emit({ ...request, requestId: "a" });
    expect(await shownAfter(1000)).toContain("waiting 47 s, 13 s passed: for the answer to the task list");
    progress.emit({ ...request, requestId: "b" });
    expect(await shownAfter(1000)).not.toContain("waiting");
    progress.emit({ kind: "waiting", reason: "--settle", ms: 15_000 });
    expect(await shownAfter(4000)).toContain("waiting 11 s, 4.0 s passed: --settle");
    progress.stop();
  });
  test("is plain lines in CI, even on a terminal", async () => {
    const text = await watch(true);
    expect(text).not.toContain("░");
    expect(text).not.toContain("\u001b");
  });
});
