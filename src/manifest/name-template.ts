import { type FoldedName, foldName, type TaskId, trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { withoutUnseen } from "../shared/unfit-characters.js";
import { normalHeader, partnersOf } from "./columns.js";

/** What a name's placeholders are filled with. `task` is `undefined` where only the server knows it: `{task}` is then left in. */
export interface NameValues {
  readonly tenant: string;
  readonly task: string | undefined;
  /** Folded column name (see {@link normalHeader}) → the tenant's text. */
  readonly columns: ReadonlyMap<string, string>;
}

/** `unknown`: the placeholders, as the template spells them with their braces, that no column fills. */
export type RenderedName = { readonly name: string } | { readonly unknown: readonly string[] };

type Part =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "placeholder"; readonly spelt: string; readonly folded: string }
  | { readonly kind: "broken"; readonly spelt: string };

/** The template that was taken apart last: most manifests have one for all tenants. */
let lastTemplate: { readonly template: string; readonly parts: readonly Part[] } | undefined;

/** The brace-free parts of a template; `{{` and `}}` are literal braces. A brace that stands alone is a broken part. */
function templateParts(template: string): readonly Part[] {
  if (lastTemplate?.template !== template) lastTemplate = { template, parts: takenApart(template) };
  return lastTemplate.parts;
}

function takenApart(template: string): readonly Part[] {
  const parts: Part[] = [];
  let rest = template;
  while (rest !== "") {
    const part = nextPart(rest);
    parts.push(part.value);
    rest = rest.slice(part.length);
  }
  return parts;
}

function nextPart(rest: string): { readonly value: Part; readonly length: number } {
  const doubled = rest.slice(0, 2);
  if (doubled === "{{" || doubled === "}}") return { value: { kind: "text", text: doubled.slice(0, 1) }, length: 2 };
  const placeholder = /^\{([^{}]*)\}/.exec(rest);
  if (placeholder !== null) {
    const [spelt, inner = ""] = placeholder;
    return { value: { kind: "placeholder", spelt, folded: normalHeader(inner) }, length: spelt.length };
  }
  const text = /^[^{}]+/.exec(rest)?.[0];
  if (text !== undefined) return { value: { kind: "text", text }, length: text.length };
  const spelt = /^[{}][^{}]*/.exec(rest)?.[0] ?? rest;
  return { value: { kind: "broken", spelt }, length: spelt.length };
}

/**
 * The name that a template gives one tenant's copy, without blanks around it; or the placeholders that nothing fills. Only
 * the task's name may bring control characters here (it is the server's): they become blanks, and marks that nobody sees go.
 */
export function renderName(template: string, values: NameValues): RenderedName {
  let unknown: string[] | undefined;
  let name = "";
  for (const part of templateParts(template)) {
    const text = partText(part, values);
    if (text !== undefined) name += text;
    else if (part.kind !== "text") unknown = [...(unknown ?? []), part.spelt];
  }
  return unknown === undefined ? { name: trimAround(name) } : { unknown };
}

function partText(part: Part, values: NameValues): string | undefined {
  switch (part.kind) {
    case "text":
      return part.text;
    case "broken":
      return undefined;
    case "placeholder":
      if (part.folded === "tenant") return values.tenant;
      if (part.folded === "task") return values.task === undefined ? part.spelt : onOneLine(values.task);
      return columnText(part.folded, values.columns);
    default:
      return part satisfies never;
  }
}

/** The source task's name that was filled in last: most copies of a manifest have the same. */
let lastTask: { readonly task: string; readonly shown: string } | undefined;

function onOneLine(task: string): string {
  if (lastTask?.task !== task) lastTask = { task, shown: withoutUnseen(task.replace(/[\p{Cc}\u2028\u2029]/gu, " ")) };
  return lastTask.shown;
}

function columnText(folded: string, columns: ReadonlyMap<string, string>): string | undefined {
  const own = columns.get(folded);
  if (own !== undefined) return own;
  const partner = partnersOf(folded).find((name) => columns.has(name));
  return partner === undefined ? undefined : columns.get(partner);
}

/** The columns that a template uses, folded: all but the tenant's key and the source task's name. */
export function columnsUsedBy(template: string): readonly string[] {
  return templateParts(template).flatMap((part) =>
    part.kind === "placeholder" && part.folded !== "tenant" && part.folded !== "task" ? [part.folded] : [],
  );
}

/** Whether a template's names hold the source task's name. */
export function usesTaskName(template: string): boolean {
  return templateParts(template).some((part) => part.kind === "placeholder" && part.folded === "task");
}

/** One copy's name, to be compared with the others. */
export interface CopyName {
  readonly tenant: string;
  readonly line: number;
  /** Where the name stands; `name` unless given. */
  readonly column?: string | undefined;
  readonly sourceTaskId: TaskId;
  readonly name: string;
  /** `{task}` is still in the name: it can be compared only with copies of the same source task. */
  readonly taskUnfilled?: boolean | undefined;
}

/**
 * Two copies of one name, and copies named as a source task, however they are cased and spaced. Used without the source
 * tasks' names when a manifest is read, and with them once the server is.
 */
export function checkCopyNames(
  entries: readonly CopyName[],
  sourceTaskNames: readonly string[],
  file: string,
): readonly Problem[] {
  const sources = new Set<string>(sourceTaskNames.map(foldName));
  /** Names that still hold `{task}` by their source task, all others together. */
  const compared = new Map<TaskId | undefined, Map<FoldedName, CopyName>>();
  const faults: Problem[] = [];
  for (const entry of entries) {
    const folded = foldName(entry.name);
    const scope = entry.taskUnfilled === true ? entry.sourceTaskId : undefined;
    let owners = compared.get(scope);
    if (owners === undefined) {
      owners = new Map<FoldedName, CopyName>();
      compared.set(scope, owners);
    }
    const owner = owners.get(folded);
    if (owner === undefined) owners.set(folded, entry);
    const finding =
      sources.has(folded) && entry.taskUnfilled !== true
        ? namedAsSource(entry)
        : owner !== undefined
          ? nameTwice(entry, owner)
          : undefined;
    if (finding !== undefined)
      faults.push({
        ...finding,
        tenant: entry.tenant,
        file,
        line: entry.line,
        column: entry.column ?? "name",
        value: entry.name,
      });
  }
  return faults;
}

type Finding = Pick<Problem, "code" | "message" | "hint">;

function namedAsSource(entry: CopyName): Finding {
  return {
    code: "NAME_IS_SOURCE_TASK",
    message: `The copy of tenant ${quote(entry.tenant)} would be named ${quote(entry.name)}, as a source task is.`,
    hint: "Put {tenant} into --name (or into the row's name), so that copies and source tasks can be told apart.",
  };
}

function nameTwice(entry: CopyName, owner: CopyName): Finding {
  return {
    code: "NAME_TWICE",
    message:
      `The copies of tenants ${quote(owner.tenant)} (line ${owner.line}) and ${quote(entry.tenant)} ` +
      `would both be named ${quote(entry.name)}.`,
    hint: "Put {tenant} into --name (and {task}, where there are several source tasks), or give the rows names of their own.",
  };
}
