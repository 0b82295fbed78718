import { describe, expect, test } from "vitest";
import { LogState } from "../../src/log/state.js";
import { observeServer } from "../../src/plan/observe.js";
import type { TaskReader } from "../../src/server/ports.js";
import { EXIT, StopError } from "../../src/shared/problems.js";
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
  test("is judged by every logged copy", async () => {
    const log = new LogState();
    for (const [at, tenant] of ["acme", "globex", "initech"].entries()) {
      log.apply(createIntent(tenant, at), "run");
      log.apply(createOutcome(at), "run");
    }
    const { list } = await observeServer(reader(), () => log, [MONTHLY]);
    const wholeness = list.wholenessOf(MONTHLY);
    expect(wholeness).toMatchObject({ whole: false, why: expect.stringContaining("3 of 3 logged copies are missing") });
  });

  test("is judged anew in the next list", async () => {
    const log = new LogState();
    const first = (await observeServer(reader(), () => log, [MONTHLY])).list;
    expect(first.wholenessOf(MONTHLY)).toEqual({ whole: true });
    log.apply(createIntent("acme", 1), "run");
    log.apply(createOutcome(1), "run");
    const second = (await observeServer(reader(), () => log, [MONTHLY])).list;
    expect(first.wholenessOf(MONTHLY)).toEqual({ whole: true });
    expect(second.wholenessOf(MONTHLY)).toMatchObject({ whole: false });
  });
});

describe("what is read of a server", () => {
  /** The same reader, and what is asked of it and answered, in turn. */
  function noting(plain: TaskReader): { readonly reader: TaskReader; readonly asked: readonly string[] } {
    const asked: string[] = [];
    const noted =
      <Args extends readonly unknown[], Value>(name: string, read: (...args: Args) => Promise<Value>) =>
      async (...args: Args) => {
        asked.push(name);
        await new Promise((resolve) => setImmediate(resolve));
        const value = await read(...args);
        asked.push(`${name} answered`);
        return value;
      };
    const { listTasks, readTask, readReports, readTriggers, readRecipients } = plain;
    return {
      asked,
      reader: {
        listTasks: noted("list", listTasks),
        readTask: noted("task", readTask),
        readReports: noted("reports", readReports),
        readTriggers: noted("triggers", readTriggers),
        readRecipients: noted("recipients", readRecipients),
      },
    };
  }
  const SOURCE_READS = ["task", "reports", "triggers", "recipients"];

  test("begins with the list alone: its answer says what server this is, and how strange answers are judged", async () => {
    const server = noting(reader());
    await observeServer(server.reader, () => new LogState(), [MONTHLY]);
    expect(server.asked.slice(0, 6)).toEqual(["list", "list answered", ...SOURCE_READS]);
  });

  test("goes on with the source task while the list is read on, once that is known, and asks for each thing once", async () => {
    const plain = reader();
    const server = noting({
      ...plain,
      listTasks: async (options) => {
        options.onRecognised?.();
        await new Promise((resolve) => setTimeout(resolve, 5));
        return plain.listTasks(options);
      },
    });
    const { sources } = await observeServer(server.reader, () => new LogState(), [MONTHLY]);
    expect(server.asked.slice(0, 5)).toEqual(["list", ...SOURCE_READS]);
    expect(server.asked.at(-1)).toBe("list answered");
    expect(server.asked).toHaveLength(10);
    expect(sources.get(MONTHLY)?.task.name).toBe("Monthly");
  });

  test("ends as the list ends, whatever the source task's reads do meanwhile", async () => {
    const stop = (code: string) => new StopError(EXIT.server, { code, message: code });
    const plain = reader();
    const ending = observeServer(
      {
        ...plain,
        listTasks: async ({ onRecognised }) => {
          onRecognised?.();
          await new Promise((resolve) => setTimeout(resolve, 5));
          throw stop("KEY_REFUSED");
        },
        readTask: () => Promise.reject(stop("UNREACHABLE")),
      },
      () => new LogState(),
      [MONTHLY],
    );
    await expect(ending).rejects.toMatchObject({ problems: [{ code: "KEY_REFUSED" }] });
  });
});
