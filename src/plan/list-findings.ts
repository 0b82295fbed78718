import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { TaskId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { type Crossed, holdNames, type ListedOtherwise } from "./copy-names.js";
import type { TaskIndex } from "./task-index.js";
import { type NamedTenant, TenantNames } from "./tenant-names.js";

/** What every list that a run reads tells of the logged copies' names: for the log, for people, and for what may still be sent. */
export function nameFindings(
  log: LogState,
  list: TaskIndex,
  manifestNames: readonly NamedTenant[],
): { readonly entries: readonly LogEntry[]; readonly crossed: Crossed; readonly warnings: readonly Problem[] } {
  const { entries, changed, renamed, crossed } = holdNames(log, list, new TenantNames(log, manifestNames));
  return { entries, crossed, warnings: [...namesChanged(changed), ...renamed.map(renamedCopy)] };
}

/** Told once for each source task: such a server changes many names. */
function namesChanged(changed: readonly ListedOtherwise[]): readonly Problem[] {
  const bySource = new Map<TaskId, ListedOtherwise[]>();
  for (const one of changed) bySource.set(one.sourceTaskId, [...(bySource.get(one.sourceTaskId) ?? []), one]);
  return [...bySource.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : {
          code: "NAME_CHANGED",
          message: `the server named the copy "${first.listed}" instead of "${first.from}"${others.length === 0 ? "" : `, and ${others.length} more otherwise than they were sent`}`,
          hint: "Absence by name proves nothing for this source task from now on: a doubt stays a doubt until resolve. Shorter, plain names may help",
          tenant: first.tenant,
        },
  );
}

function renamedCopy({ tenant, newTaskId, from, listed }: ListedOtherwise): Problem {
  return {
    code: "RENAMED",
    message: `the copy ${newTaskId}, which was named "${from}", is named "${listed}" on the server now: it stays the copy of this tenant`,
    hint: "Nothing to do where that is meant; else name it back on the server",
    tenant,
  };
}

/** A list that is not whole proves nothing. */
export function listNotWhole(why: string): Problem {
  return {
    code: "LIST_NOT_WHOLE",
    message: `the task list is not whole: ${why}. What is not in it may exist all the same, and doubts stay doubts`,
    hint: "Give the key's owner a role that sees the source task and all its copies",
  };
}

/** Nothing can be told of what only the list shows. */
export function listNotRead({ message }: Problem): Problem {
  return {
    code: "LIST_NOT_READ",
    message: `the task list could not be read, so that nobody looked whether a tenant has two tasks or a copy is gone: ${message}`,
    hint: "Run the same command again when the server lists its tasks; a key whose role may not list them sees neither",
  };
}
