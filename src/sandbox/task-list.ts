import type { Behaviour } from "./behaviour.js";
import type { SeededChance } from "./chance.js";
import type { SandboxTask } from "./task-store.js";

const USUAL_PAGE_SIZE = 10;
const LARGEST_PAGE_SIZE = 50;

/** What one reading of the list gives: some tasks, or what is wrong with the query. */
export type Listing = { readonly tasks: readonly SandboxTask[] } | { readonly wrong: string };

/** One reading of the task list, as it was asked for. `reading` counts the readings of this server. */
export interface ListRequest {
  readonly version: "v1" | "v2";
  readonly query: URLSearchParams;
  readonly reading: number;
}

/** The part of all tasks that one reading of the list shows. v1 lists come whole; v2's in pages, unless `get_all=true`. */
export function listed(
  tasks: readonly SandboxTask[],
  request: ListRequest,
  by: { readonly behaviour: Behaviour; readonly chance: SeededChance },
): Listing {
  const { behaviour } = by;
  const shown = tasks.filter((task) => isListed(task, request.reading, by));
  if (behaviour.paging === "whole-only") return { tasks: shown };
  const whole = request.version === "v1" || request.query.get("get_all")?.toLowerCase() === "true";
  if (whole && behaviour.paging !== "pages-only") return { tasks: shown };
  return page(shown, request.query);
}

function isListed(
  task: SandboxTask,
  reading: number,
  by: { readonly behaviour: Behaviour; readonly chance: SeededChance },
): boolean {
  const { hidesCopies, missingFromList: missing } = by.behaviour;
  if (task.copyOf === null) return true;
  if (hidesCopies) return false;
  if (missing === undefined) return true;
  return by.chance.fraction("unlisted", task.id, missing.changing ? reading : 0) >= missing.share;
}

function page(tasks: readonly SandboxTask[], query: URLSearchParams): Listing {
  const number = count(query.get("page"), 1);
  const asked = count(query.get("page_size"), USUAL_PAGE_SIZE);
  if (number === undefined) return { wrong: "page must be a whole number from 1" };
  if (asked === undefined) return { wrong: "page_size must be a whole number from 1" };
  const size = Math.min(asked, LARGEST_PAGE_SIZE);
  return { tasks: tasks.slice((number - 1) * size, number * size) };
}

function count(text: string | null, usual: number): number | undefined {
  if (text === null) return usual;
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
