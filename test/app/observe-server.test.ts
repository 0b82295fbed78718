import { describe, expect, test } from "vitest";
import { observeServer } from "../../src/app/observe-server.js";
import type { TaskReader } from "../../src/app/ports.js";
import { LogState } from "../../src/domain/log-state.js";
import { createIntent, createOutcome, MONTHLY } from "../support/log-samples.js";

const problem = { code: "ABSENT", message: "absent" };

/** A server that lists the source task alone. */
function reader(): TaskReader {
  return {
    listTasks: async () => ({ kind: "read", tasks: [{ id: MONTHLY, name: "Monthly" }] }),
    readTask: async (id) =>
      id === MONTHLY
        ? { kind: "read", value: { id, name: "Monthly", enabled: false, testMode: false } }
        : { kind: "absent", problem },
    readReports: async () => ({ kind: "read", value: [] }),
    readTriggers: async () => ({ kind: "read", value: [] }),
    readRecipients: async () => ({ kind: "read", value: 0 }),
  };
}

describe("whether a list is whole", () => {
  test("is judged once for a source task: it is asked for every tenant, and looks at every logged copy", async () => {
    const log = new LogState();
    for (const [at, tenant] of ["acme", "globex", "initech"].entries()) {
      log.apply(createIntent(tenant, at), "run");
      log.apply(createOutcome(at), "run");
    }
    const { list } = await observeServer(reader(), log, [MONTHLY]);
    const wholeness = list.wholenessOf(MONTHLY);
    expect(wholeness).toMatchObject({ whole: false, why: expect.stringContaining("3 of 3 logged copies are missing") });
    expect(list.wholenessOf(MONTHLY)).toBe(wholeness);
  });

  test("is judged anew in the next list", async () => {
    const log = new LogState();
    const first = (await observeServer(reader(), log, [MONTHLY])).list;
    expect(first.wholenessOf(MONTHLY)).toEqual({ whole: true });
    log.apply(createIntent("acme", 1), "run");
    log.apply(createOutcome(1), "run");
    const second = (await observeServer(reader(), log, [MONTHLY])).list;
    expect(first.wholenessOf(MONTHLY)).toEqual({ whole: true });
    expect(second.wholenessOf(MONTHLY)).toMatchObject({ whole: false });
  });
});

describe("what is read of a server", () => {
  test("begins with the list alone: its answer says what server this is, and how strange answers are judged", async () => {
    const asked: string[] = [];
    const noting =
      <Args extends readonly unknown[], Value>(name: string, read: (...args: Args) => Promise<Value>) =>
      async (...args: Args) => {
        asked.push(name);
        await new Promise((resolve) => setImmediate(resolve));
        const value = await read(...args);
        asked.push(`${name} answered`);
        return value;
      };
    const plain = reader();
    await observeServer(
      {
        listTasks: noting("list", plain.listTasks),
        readTask: noting("task", plain.readTask),
        readReports: noting("reports", plain.readReports),
        readTriggers: noting("triggers", plain.readTriggers),
        readRecipients: noting("recipients", plain.readRecipients),
      },
      new LogState(),
      [MONTHLY],
    );
    expect(asked.slice(0, 6)).toEqual(["list", "list answered", "task", "reports", "triggers", "recipients"]);
  });
});
