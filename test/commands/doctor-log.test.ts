import { describe, expect, it } from "vitest";
import { judgeLock } from "../../src/commands/doctor.js";
import type { SeenLock } from "../../src/log/port.js";

const lock = (ownerState: SeenLock["ownerState"], silentMs: number): SeenLock => ({
  id: "0123456789abcdef",
  owner: '"sync" on host acme-01, process 4711, since 2026-03-01T02:00:00Z',
  silentMs,
  ownerState,
});
const judge = (seen: SeenLock | undefined) => judgeLock(seen, "customers.csv.idempotency.jsonl");

describe("the lock's check", () => {
  it("is well where there is none, and where its process is gone", () => {
    expect(judge(undefined).status).toBe("ok");
    expect(judge(lock("gone", 5_000)).status).toBe("ok");
  });

  it("fails as a sync would where its process is there, and shows owner, age, ID and the command that breaks it", () => {
    const check = judge(lock("alive", 120_000));
    expect(check).toMatchObject({ status: "fail", exitCode: 6, problems: [{ code: "LOG_LOCKED" }] });
    expect(check.message).toContain("process 4711");
    expect(check.message).toContain("120 s old");
    expect(check.message).toContain("0123456789abcdef");
    expect(check.hint).toContain("qalyptus-propagate sync ... --break-lock 0123456789abcdef");
  });

  it.each([
    [59_999, "fail"],
    [60_000, "warn"],
  ] as const)("of a process that cannot be looked at, silent for %d ms: %s", (silentMs, status) => {
    expect(judge(lock("unknown", silentMs)).status).toBe(status);
  });
});
