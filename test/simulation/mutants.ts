/** One way to break the protocol: what is replaced in which file. The text must be there, so that no mutant can become the original. */
export interface Mutant {
  readonly name: string;
  /** What it does, in one sentence. */
  readonly harm: string;
  /** The first history that is tried, where those before it are known to tell nothing; else 1. */
  readonly from?: number;
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "send before the intent",
    harm: "a kill between send and intent leaves a task that nobody looks for",
    changes: [
      {
        file: "run/send.ts",
        from: "if (!isWritten) await run.recorder.record([intent]);",
        to: "if (!isWritten) void run.recorder.record([intent]).catch(() => undefined);",
      },
    ],
  },
  {
    name: "no intent at all for a PATCH",
    harm: "a lost answer to a PATCH is forgotten",
    changes: [
      {
        file: "run/send.ts",
        from: "if (!isWritten) await run.recorder.record([intent]);",
        to: "if (!isWritten && isCreate) await run.recorder.record([intent]);",
      },
    ],
  },
  {
    name: "told before it is durable",
    harm: "an outcome is told that a crash takes back",
    changes: [
      {
        file: "log/port.ts",
        from: "await log.append(all);",
        to: "void log.append(all).catch(() => undefined);",
      },
    ],
  },
  {
    name: "a short list proves absence",
    harm: "a create is sent again because a list that was not whole did not show its task",
    from: 1_870,
    changes: [
      {
        file: "run/doubts.ts",
        from: "if (!wholeness.whole) return listNotWhole(doubt, wholeness.why);",
        to: "",
      },
      { file: "run/doubts.ts", from: "if (isSteady)", to: "if (true as boolean)" },
    ],
  },
  {
    name: "one list proves absence",
    harm: "a create is sent again on the word of one list",
    from: 8_950,
    changes: [
      {
        file: "run/doubts.ts",
        from: "for (const list of lists) {",
        to: "for (const list of lists.slice(0, 1)) {",
      },
      { file: "run/doubts.ts", from: "const second = await lookForFound(run, doubts);", to: "const second = first;" },
    ],
  },
  {
    name: "no wait before absence is believed",
    harm: "a create is sent again while the first is still on its way",
    changes: [{ file: "run/doubts.ts", from: "if (wait <= 0) return;", to: "return;" }],
  },
  {
    name: "settle by the wall clock",
    harm: "the wait is measured on a clock that runs backwards",
    changes: [
      {
        file: "run/doubts.ts",
        from: "const wait = gaveUpAt + run.options.run.settleMs - run.clock.monotonic();",
        to: "const wait = gaveUpAt + run.options.run.settleMs - Math.abs(run.clock.now().getTime() - Date.UTC(2026, 0, 1));",
      },
    ],
  },
  {
    name: "an old doubt counts from its own time",
    harm: "a doubt of an earlier process is not waited for",
    from: 90,
    changes: [
      {
        file: "run/doubts.ts",
        from: "run.gaveUpAt.get(write) ?? run.startedAt",
        to: "run.gaveUpAt.get(write) ?? 0",
      },
    ],
  },
  {
    name: "a reset is sent again",
    harm: "a write without an answer is retried like one that was never sent",
    changes: [
      {
        file: "run/send.ts",
        from: 'if (reply.kind !== "not-sent") return undefined;',
        to: 'if (reply.kind === "in-doubt" && tries === 0) return 10;\n  if (reply.kind !== "not-sent") return undefined;',
      },
    ],
  },
  {
    name: "looked up by today's name",
    harm: "a doubt is looked up under a name that was never sent",
    from: 1_080,
    changes: [
      {
        file: "plan/whose-task.ts",
        from: "const exact = list.named(intent.name).filter(",
        to: 'const exact = list.named(intent.name.replace("{", "")).filter((task) => log.source(intent.sourceTaskId).name === undefined || task.name !== intent.name || !intent.name.startsWith("Monthly")).filter(',
      },
    ],
  },
  {
    name: "state per tenant",
    harm: "a later create's outcome closes an earlier create of the same tenant",
    changes: [
      {
        file: "log/tenant-fold.ts",
        from: "return { ...tenant, openCreates: tenant.openCreates.filter((intent) => intent.write !== write) };",
        to: "return { ...tenant, openCreates: [], suspects: [] };",
      },
      {
        file: "log/tenant-fold.ts",
        from: 'if (intent === undefined || outcome.outcome === "in-doubt") return tenant;',
        to: 'if (intent === undefined) return tenant;\n  if (outcome.outcome === "in-doubt") return withoutOpen(tenant, outcome.write);',
      },
    ],
  },
  {
    name: "adopts anything with the name",
    harm: "a task that has other reports is taken for a lost copy",
    from: 5_390,
    changes: [
      {
        file: "run/settle.ts",
        from: 'if (first === undefined || reading.kind === "lacks" || !hasReportsOf(look, intent, reading))',
        to: "if (first === undefined)",
      },
    ],
  },
  {
    name: "adopts what was there before",
    harm: "a task that had the name before the send is taken for a lost copy",
    from: 3_140,
    changes: [{ file: "plan/whose-task.ts", from: "&& !(intent.before ?? []).includes(id)", to: "" }],
  },
  {
    name: "PATCHes past a doubt",
    harm: "another PATCH goes to a report while one is still on its way",
    from: 200,
    changes: [
      {
        file: "run/update.ts",
        from: "if (!isSettled && hasDoubt(state, drift)) {",
        to: "if (false as boolean) {",
      },
    ],
  },
  {
    name: "a PATCH in doubt counts as done",
    harm: "the log calls a report mapped that may not be",
    changes: [
      {
        file: "log/tenant-fold.ts",
        from: 'if (open === undefined || outcome.outcome === "in-doubt") continue;',
        to: "if (open === undefined) continue;",
      },
      {
        file: "log/tenant-fold.ts",
        from: 'if (outcome.outcome !== "succeeded") after = open.before;',
        to: 'if (outcome.outcome === "refused") after = open.before;',
      },
    ],
  },
  {
    name: "more in flight than asked for",
    harm: "--concurrency does not bound the writes",
    changes: [{ file: "run/slots.ts", from: "this.#limit = pLimit(most);", to: "this.#limit = pLimit(most + 1);" }],
  },
  {
    name: "any ID is taken",
    harm: "an answer that names the source task or another tenant's copy is believed",
    from: 80,
    changes: [
      {
        file: "run/create.ts",
        from: "if (newTaskId === undefined || !run.server.claim(newTaskId, ref))",
        to: "if (newTaskId === undefined)",
      },
    ],
  },
  {
    name: "goes on after a halt",
    harm: "writes start after a signal or an answer that ends the run",
    from: 440,
    changes: [
      {
        file: "run/send.ts",
        from: "if (isStopped()) return last;",
        to: "",
      },
      { file: "run/send.ts", from: "if (isStopped()) return last ?? NEVER_SENT;", to: "" },
      { file: "run/send.ts", from: "if (abort.isAborted || server", to: "if (server" },
    ],
  },
  {
    name: "apps in force are forgotten",
    harm: "two customers read one app",
    changes: [
      { file: "plan/conflicts.ts", from: "if (other !== undefined) return appInUse(entry, app, other);", to: "" },
    ],
  },
  {
    name: "twins are not looked for",
    harm: "a customer gets two mails and nobody is told",
    from: 75,
    changes: [
      {
        file: "plan/decide.ts",
        from: "return twinsOf({ ref, key, own: copy.newTaskId }",
        to: "return [];\n  return twinsOf({ ref, key, own: copy.newTaskId }",
      },
    ],
  },
  {
    name: "every success is verified",
    harm: "a copy is called verified that nobody has read back",
    changes: [
      {
        file: "run/results.ts",
        from: "&& isVerified(state, item);",
        to: ";",
      },
    ],
  },
  {
    name: "no last look at the lock",
    harm: "a process that was frozen and lost its log sends what another has sent meanwhile",
    from: 600,
    changes: [{ file: "run/send.ts", from: "log.checkMaySend();", to: "" }],
  },
  {
    name: "a list that was cut short is whole",
    harm: "a list that names more tasks than it holds shows that one is absent",
    changes: [
      {
        file: "plan/observe.ts",
        from: 'if (reading.kind !== "read") return',
        to: 'if (reading.kind === "none") return',
      },
      {
        file: "run/doubts.ts",
        from: 'if (run.server.context.list?.reading.kind !== "read") return false;',
        to: "",
      },
    ],
  },
  {
    name: "one row stands for all",
    harm: "a report of which one row is not shown counts as read back",
    changes: [
      {
        file: "plan/read-copies.ts",
        from: "if (report.mappings === undefined) hidden = true;\n    else if (!same",
        to: "if (report.mappings !== undefined && !same",
      },
    ],
  },
  {
    name: "every copy may be gone at once",
    harm: "on a server whose tasks all have new IDs, copies are made anew",
    changes: [
      {
        file: "plan/observe.ts",
        from: "if (absent > Math.max(1, Math.floor(copies.size / 10)))",
        to: "if (false as boolean)",
      },
      {
        file: "plan/observe.ts",
        from: "if (copies.size > 0 && absent === copies.size)",
        to: "if (false as boolean)",
      },
    ],
  },
  {
    name: "a column takes anybody's task",
    harm: "a newTaskId that slipped by one row gives a tenant another's copy",
    changes: [
      { file: "plan/whose-task.ts", from: "if (holder !== undefined) return copyOf(holder);", to: "" },
      { file: "run/apply-plan.ts", from: "if (holder !== undefined) {", to: "if (false as boolean) {" },
    ],
  },
  {
    name: "a list without any copy proves absence",
    harm: "a key that is blind to copies shows that the first one is absent",
    changes: [
      {
        file: "run/doubts.ts",
        from: "if (!hasShownCopy(list.index, source, log)) return listUnproven(doubt);",
        to: "",
      },
    ],
  },
  {
    name: "names of logged copies are not held against lists",
    harm: "a task is believed a tenant's that the server names for another",
    changes: [
      {
        file: "plan/tenant-names.ts",
        from: "if (copy === undefined || copy.gone) continue;\n    const isSeen",
        to: "continue;\n    const isSeen",
      },
    ],
  },
  {
    name: "only the holder of a crossed name is in conflict",
    harm: "the tenant whose task another holds is PATCHed on the other's",
    from: 170,
    changes: [
      {
        file: "plan/tenant-names.ts",
        from: "if (!crossed.has(ref)) crossed.set(ref, conflict.namedForAnother(theirs, state, listed));",
        to: "",
      },
    ],
  },
  {
    name: "crossed names are not told at a run's end",
    harm: "the run whose answers were crossed calls both well",
    from: 210,
    changes: [
      {
        file: "run/apply-plan.ts",
        from: "for (const [ref, error] of server.context.crossed) {",
        to: "for (const [ref, error] of new Map<TenantRef, TenantError>()) {",
      },
    ],
  },
  {
    name: "a doubt is found under its own name only",
    harm: "a task that a server made under a changed name is not seen, and made once more",
    from: 290,
    changes: [
      {
        file: "plan/whose-task.ts",
        from: "return newcomers.length > 0 ?",
        to: "return false ?",
      },
    ],
  },
  {
    name: "only the taken name is in conflict",
    harm: "a log that was lost after a rename makes a second task for the renamed tenant",
    changes: [{ file: "plan/make-plan.ts", from: "if (lost.size === 0) return items;", to: "return items;" }],
  },
  {
    name: "a short answer is an answer",
    harm: "a copy that comes back without a report frees its app, or ends a PATCH",
    changes: [
      {
        file: "plan/read-copies.ts",
        from: "if (reports.length === 0 && shown.size > 0) return reading;",
        to: "return reading;",
      },
    ],
  },
  {
    name: "rows are not counted",
    harm: "a copy that lists fewer rows than its source is verified",
    from: 930,
    changes: [
      {
        file: "plan/read-copies.ts",
        from: "let hidden = mustShow === undefined || lackingReports(rows, mustShow).length > 0;",
        to: "let hidden = false;",
      },
    ],
  },
  {
    name: "what --verify could not read stays verified",
    harm: "an audit calls a copy verified that it has not seen",
    from: 90,
    changes: [
      {
        file: "run/results.ts",
        from: 'action.kind === "unchanged" && item.unread !== undefined ? "failed" : OUTCOME_OF_PLANNED[action.kind];',
        to: "OUTCOME_OF_PLANNED[action.kind];",
      },
    ],
  },
  {
    name: "a poor list is not told",
    harm: "nobody is told that nobody looked for twins",
    changes: [{ file: "plan/make-plan.ts", from: "...listWarnings(context),", to: "" }],
  },
  {
    name: "twins by exact name only",
    harm: "a server that numbers taken names makes a second task that nobody is told of",
    from: 1_870,
    changes: [
      {
        file: "plan/whose-task.ts",
        from: "...list.numbered(intent.name).filter(isNobodyElses)]",
        to: "]",
      },
    ],
  },
];
