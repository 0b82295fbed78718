import { foldName, type TaskId, trimAround } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { LONGEST_CELL } from "../shared/text-limits.js";
import { listed, quote, withoutUnseen } from "../shared/text-safety.js";
import { meaningOf } from "./columns.js";
import type { ColumnTexts, ManifestTenant } from "./manifest.js";
import {
  cellOf,
  type JudgedManifest,
  type JudgedTenant,
  lostValue,
  type ManifestRow,
  placeOf,
  textFault,
  type ValueFault,
} from "./rows.js";

/** What a name's placeholders are filled with. `task` is `undefined` where only the server knows it: `{task}` is then left in. */
export interface NameValues {
  readonly tenant: string;
  readonly task: string | undefined;
  readonly columns: ColumnTexts;
}

/** `unknown`: the placeholders, as the template spells them with their braces, that no column fills. */
export type RenderedName = { readonly name: string } | { readonly unknown: readonly string[] };

/** What a template is made of besides text: a doubled brace, which means one, a placeholder, or a brace that stands alone. */
const PIECES = /([{}])\1|\{([^{}]*)\}|[{}][^{}]*/g;

/**
 * The name that a template gives one tenant's copy, without blanks around it; or the placeholders that nothing fills. Only
 * the task's name may bring control characters here (it is the server's): they become blanks, and marks that nobody sees go.
 */
export function renderName(template: string, { tenant, task, columns }: NameValues): RenderedName {
  const unknown: string[] = [];
  const textOf = (spelt: string, column: string): string | undefined => {
    const meaning = meaningOf(column);
    if (meaning === "tenant") return tenant;
    if (meaning !== "task") return columns.get(meaning);
    return task === undefined ? spelt : withoutUnseen(task.replace(/[\p{Cc}\u2028\u2029]/gu, " "));
  };
  let length = template.length;
  const name = template.replace(PIECES, (spelt: string, brace: string | undefined, column: string | undefined) => {
    const text = column === undefined ? brace : textOf(spelt, column);
    if (text === undefined) unknown.push(spelt);
    // A name that is too long already grows no further: a template may use a long value hundreds of times.
    if (text === undefined || length > LONGEST_CELL) return "";
    length += text.length;
    return text;
  });
  return unknown.length === 0 ? { name: trimAround(name) } : { unknown };
}

let lastTemplate = { template: "", meanings: [] as readonly string[] };

/** What a template's placeholders mean, in their order. Kept for the last one: most tenants share it. */
function placeholdersOf(template: string): readonly string[] {
  if (template === lastTemplate.template) return lastTemplate.meanings;
  const columns = [...template.matchAll(PIECES)].flatMap(([, , column]) => column ?? []);
  lastTemplate = { template, meanings: columns.map(meaningOf) };
  return lastTemplate.meanings;
}

/** The columns that a template uses: all but the tenant's key and the source task's name. */
function columnsUsedBy(template: string): readonly string[] {
  return placeholdersOf(template).filter((meaning) => meaning !== "tenant" && meaning !== "task");
}

/** Whether a template's names hold the source task's name. */
export function usesTaskName(template: string): boolean {
  return placeholdersOf(template).includes("task");
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
  /** By name; where that still holds `{task}`, by source task and name. */
  const owners = new Map<string, CopyName>();
  const faults: Problem[] = [];
  for (const entry of entries) {
    const { tenant, name, line, column = "name" } = entry;
    const folded = foldName(name);
    const scoped = entry.taskUnfilled ? `${entry.sourceTaskId}\n${folded}` : folded;
    const owner = owners.get(scoped);
    if (owner === undefined) owners.set(scoped, entry);
    const at = { tenant, file, line, column, value: name };
    if (sources.has(folded) && !entry.taskUnfilled) {
      const message = `The copy of tenant ${quote(tenant)} would be named ${quote(name)}, as a source task is.`;
      faults.push(problem("NAME_IS_SOURCE_TASK", message, at));
    } else if (owner !== undefined) {
      const both = `tenants ${quote(owner.tenant)} (line ${owner.line}) and ${quote(tenant)}`;
      faults.push(problem("NAME_TWICE", `The copies of ${both} would both be named ${quote(name)}.`, at));
    }
  }
  return faults;
}

/** Of one template. */
const PLACEHOLDERS_TOLD = 12;

/**
 * The enabled tenants' copies' names, as far as they are known without the server: placeholders that nothing fills, names that
 * cannot be, twins.
 */
export function checkNames(manifest: JudgedManifest): void {
  const { findings } = manifest;
  const names: CopyName[] = [];
  let isSharedTemplateTold = false;
  for (const one of manifest.tenants) {
    const { tenant, sourceTaskId, nameTemplate, enabled, columns, rows } = one;
    if (!enabled) continue;
    const row = rows.find(({ name }) => name !== undefined);
    const rendered = renderName(nameTemplate, { tenant, task: undefined, columns });
    if ("unknown" in rendered) {
      // One template for all tenants is told once.
      if (row === undefined && isSharedTemplateTold) continue;
      isSharedTemplateTold ||= row === undefined;
      for (const spelt of [...new Set(rendered.unknown)].slice(0, PLACEHOLDERS_TOLD))
        tellUnknownPlaceholder(spelt, row, manifest);
      continue;
    }
    if (rows.length > 1) tellContradictoryColumns(one, manifest);
    const { name } = rendered;
    const { line, column } = placeOf(manifest, row ?? rows[0], "name");
    const fault = nameFault(name, one);
    if (fault !== undefined)
      findings.fault(fault.code, `The copy's name would be ${quote(name)}${fault.is}.`, {
        tenant,
        line,
        column,
        value: name,
      });
    else if (sourceTaskId !== undefined)
      names.push({ tenant, line, column, sourceTaskId, name, taskUnfilled: usesTaskName(nameTemplate) });
  }
  for (const fault of checkCopyNames(names, [], findings.file)) findings.add(fault);
}

/** A column that the name uses and that the tenant's rows fill differently: which one the copy is named by cannot be told. */
function tellContradictoryColumns(
  { tenant, nameTemplate, columns, rows }: JudgedTenant,
  manifest: JudgedManifest,
): void {
  for (const used of columnsUsedBy(nameTemplate)) {
    const position = manifest.columns.get(used);
    const meant = columns.get(used) ?? "";
    const other = rows.find((row) => !["", meant].includes(cellOf(row, position)));
    if (other === undefined) continue;
    const column = manifest.raw.header[position ?? -1] ?? used;
    const value = cellOf(other, position);
    const both = `${quote(value)} here, but ${quote(meant)} in another of its rows`;
    manifest.findings.fault("CONTRADICTION", `The name of tenant ${quote(tenant)} uses ${column}, which is ${both}.`, {
      hint: `All rows of one tenant make one copy: give them the same ${column}, or leave it out of the name.`,
      tenant,
      line: other.line,
      column,
      value,
    });
  }
}

/** Why a copy cannot have this name. */
function nameFault(name: string, { nameTemplate, columns }: ManifestTenant): ValueFault | undefined {
  if (name === "") return { code: "NAME_EMPTY", is: ", which is no name" };
  const fault = textFault(name);
  if (fault !== undefined) return fault;
  for (const column of columnsUsedBy(nameTemplate)) {
    const text = columns.get(column) ?? "";
    const lost = lostValue(text);
    if (lost !== undefined) return { code: lost.code, is: `, of which {${column}} is ${quote(text)}${lost.is}` };
  }
  return undefined;
}

/** `row`: the one that has a template of its own. */
function tellUnknownPlaceholder(spelt: string, row: ManifestRow | undefined, manifest: JudgedManifest): void {
  const { raw, shared, findings } = manifest;
  const atTop = shared.nameAt;
  const shownTemplate = atTop === undefined ? "--name" : "The manifest's name";
  const whose = row === undefined ? shownTemplate : `The name of tenant ${quote(row.tenant ?? "")}`;
  const { line, column } = atTop ?? { line: undefined, column: "--name" };
  const at = row === undefined ? { tenant: undefined, line, column } : placeOf(manifest, row, "name");
  const inner = /^\{([^{}]*)\}$/.exec(spelt)?.[1];
  const message =
    inner === undefined
      ? `${whose} has a brace that stands alone, at ${quote(spelt)}.`
      : `${whose} uses ${quote(spelt)}, but the manifest has no such column.`;
  const meant = inner === undefined ? [] : raw.header.filter((title) => meaningOf(title) === meaningOf(inner));
  if (meant.length > 1) {
    const both = listed(meant.map(quote));
    findings.fault("COLUMN_TWICE", `${whose} uses ${quote(spelt)}, and the columns ${both} mean the same.`, at);
    return;
  }
  const known = new Set([...raw.header, "tenant", "task"].filter((title) => title !== "").map((title) => `{${title}}`));
  const hint = `It may use ${listed([...known])}.`;
  findings.fault("PLACEHOLDER_UNKNOWN", message, {
    hint: inner === undefined ? "Write {{ or }} for a brace that belongs to the name." : hint,
    ...at,
    value: row?.name ?? shared.nameTemplate,
  });
}
