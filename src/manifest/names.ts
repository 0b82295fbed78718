import { type TaskId, trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, listed, quote } from "../shared/quotation.js";
import { nearestSpellings } from "../shared/spelling.js";
import { type ColumnIndex, normalHeader, partnersOf } from "./columns.js";
import type { ManifestTenant } from "./manifest.js";
import type { SharedValues } from "./manifest-shared.js";
import { type CopyName, checkCopyNames, columnsUsedBy, renderName, usesTaskName } from "./name-template.js";
import type { RawManifest, RawRow } from "./raw-manifest.js";
import type { ManifestRow } from "./rows.js";
import type { TenantGroup } from "./tenants.js";
import { lostValue, textFault } from "./value-faults.js";

/** A name longer than this may be cut short or refused by the server. */
const LONGEST_NAME = 250;

/** Tenants, each with the rows that it was made from at the same place. */
export interface GroupedTenants {
  readonly groups: readonly TenantGroup[];
  readonly tenants: readonly ManifestTenant[];
}

/** A tenant with the rows that it was made from. */
interface NamedTenant {
  readonly tenant: ManifestTenant;
  readonly group: TenantGroup;
}

interface Context {
  readonly raw: RawManifest;
  readonly index: ColumnIndex;
  readonly shared: SharedValues;
}

/** A copy's name with its place, which is looked up where a fault asks for it: a JSON manifest reads its entry again for it. */
class PlacedName implements CopyName {
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly name: string;
  readonly taskUnfilled: boolean;
  readonly #row: RawRow;
  readonly #raw: RawManifest;

  constructor(
    of: { readonly tenant: ManifestTenant; readonly sourceTaskId: TaskId; readonly row: RawRow },
    name: string,
    raw: RawManifest,
  ) {
    this.tenant = of.tenant.tenant;
    this.sourceTaskId = of.sourceTaskId;
    this.name = name;
    this.taskUnfilled = usesTaskName(of.tenant.nameTemplate);
    this.#row = of.row;
    this.#raw = raw;
  }

  get line(): number {
    return this.#raw.place(this.#row, "name").line;
  }

  get column(): string {
    return this.#raw.place(this.#row, "name").column;
  }
}

/**
 * The enabled tenants' copies' names, as far as they are known without the server: placeholders that nothing fills, names that
 * cannot be, twins.
 */
export function checkNames(
  { groups, tenants }: GroupedTenants,
  context: Context,
): { readonly faults: readonly Problem[]; readonly warnings: readonly Problem[] } {
  const { raw } = context;
  const faults: Problem[] = [];
  const names: CopyName[] = [];
  const long: CopyName[] = [];
  let sharedTemplateTold = false;
  let at = 0;
  for (const group of groups) {
    const tenant = tenants[at++];
    if (tenant === undefined || !group.enabled) continue;
    const row = group.rows.find((one) => one.name !== undefined);
    const { columns, sourceTaskId } = tenant;
    const rendered = renderName(tenant.nameTemplate, { tenant: tenant.tenant, task: undefined, columns });
    if ("unknown" in rendered) {
      if (row === undefined && sharedTemplateTold) continue;
      sharedTemplateTold ||= row === undefined;
      faults.push(...rendered.unknown.map((spelt) => placeholderUnknown(spelt, { row, tenant, context })));
      continue;
    }
    const { name } = rendered;
    if (group.rows.length > 1) faults.push(...contradictoryColumns({ tenant, group }, context));
    const impossible = impossibleName(name, tenant);
    const placed = (row ?? group.rows[0]).raw;
    if (impossible !== undefined) {
      faults.push({
        ...impossible,
        tenant: tenant.tenant,
        file: raw.file,
        ...raw.place(placed, "name"),
        value: keptValue(name),
      });
      continue;
    }
    if (sourceTaskId === undefined) continue;
    const copy = new PlacedName({ tenant, sourceTaskId, row: placed }, name, raw);
    names.push(copy);
    // No name has more characters than code units.
    if (name.length > LONGEST_NAME && [...name].length > LONGEST_NAME) long.push(copy);
  }
  return {
    faults: [faults, checkCopyNames(names, [], raw.file)].flat(),
    warnings: longNames(long, raw.file),
  };
}

/** A column that the name uses and that the tenant's rows fill differently: which one the copy is named by cannot be told. */
function contradictoryColumns({ tenant, group }: NamedTenant, { raw, index }: Context): readonly Problem[] {
  return columnsUsedBy(tenant.nameTemplate).flatMap((name) => {
    const position =
      index.named.get(name) ??
      partnersOf(name)
        .map((other) => index.named.get(other))
        .find((at) => at !== undefined);
    const meant = tenant.columns.get(name);
    if (position === undefined || meant === undefined) return [];
    const textOf = (row: ManifestRow) => trimAround(row.raw.cells[position] ?? "");
    const other = group.rows.find((row) => textOf(row) !== "" && textOf(row) !== meant);
    if (other === undefined) return [];
    const column = raw.header[position] ?? name;
    return {
      code: "CONTRADICTION",
      message: `The name of tenant ${quote(tenant.tenant)} uses ${column}, which is ${quote(textOf(other))} here, but ${quote(meant)} in another of its rows.`,
      hint: `All rows of one tenant make one copy: give them the same ${column}, or leave it out of the name.`,
      tenant: tenant.tenant,
      file: raw.file,
      line: other.line,
      column,
      value: keptValue(textOf(other)),
    };
  });
}

function impossibleName(
  name: string,
  { nameTemplate, columns }: ManifestTenant,
): Pick<Problem, "code" | "message" | "hint"> | undefined {
  if (name === "")
    return {
      code: "NAME_EMPTY",
      message: "The copy's name would be empty.",
      hint: "Put {tenant} into the name, or a column that is never empty.",
    };
  const fault = textFault(name);
  const would = `The copy's name would be ${quote(name)}`;
  if (fault !== undefined) return { code: fault.code, message: `${would}: ${fault.is}.`, hint: fault.hint };
  for (const column of columnsUsedBy(nameTemplate)) {
    const lost = lostValue(columns.get(column) ?? "");
    if (lost !== undefined)
      return { code: lost.code, message: `${would}: its {${column}} is ${lost.is}.`, hint: lost.hint };
  }
  return undefined;
}

function placeholderUnknown(
  spelt: string,
  of: { readonly row: ManifestRow | undefined; readonly tenant: ManifestTenant; readonly context: Context },
): Problem {
  const { row, tenant, context } = of;
  const { raw, shared } = context;
  const place = row === undefined ? undefined : raw.place(row.raw, "name");
  const what = row === undefined ? shared.nameFrom.what : `The name of tenant ${quote(tenant.tenant)}`;
  return {
    code: "PLACEHOLDER_UNKNOWN",
    message: /^\{[^{}]*\}$/.test(spelt)
      ? `${what} uses ${quote(spelt)}, but the manifest has no such column.`
      : `${what} has a brace that stands alone, at ${quote(spelt)}.`,
    hint: placeholderHint(spelt, raw),
    tenant: row === undefined ? undefined : tenant.tenant,
    file: raw.file,
    line: place?.line ?? shared.nameFrom.line,
    column: place?.column ?? shared.nameFrom.column ?? "--name",
    value: keptValue(tenant.nameTemplate),
  };
}

function placeholderHint(spelt: string, raw: RawManifest): string {
  const inner = /^\{([^{}]*)\}$/.exec(spelt)?.[1];
  if (inner === undefined) return "Write {{ or }} for a brace that belongs to the name.";
  const headers = new Map([...raw.header, "tenant", "task"].map((header) => [normalHeader(header), header]));
  const near = nearestSpellings(normalHeader(inner), headers.keys(), 1)[0];
  const known = [...headers.values()].filter((header) => header !== "").map((header) => `{${header}}`);
  return near === undefined ? `It may use ${listed(known)}.` : `Did you mean {${headers.get(near)}}?`;
}

function longNames(long: readonly CopyName[], file: string): readonly Problem[] {
  const [first] = long;
  if (first === undefined) return [];
  const others = long.length === 1 ? "" : ` So have ${long.length - 1} more tenants.`;
  return [
    {
      code: "NAME_LONG",
      message: `The copy of tenant ${quote(first.tenant)} has a name of more than ${LONGEST_NAME} characters.${others}`,
      hint: "The server may refuse it or cut it short: choose a shorter --name.",
      tenant: first.tenant,
      file,
      line: first.line,
      column: first.column,
      value: keptValue(first.name),
    },
  ];
}
