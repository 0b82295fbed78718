import type { TenantKey } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import type { RawManifest } from "./raw-manifest.js";
import type { ManifestRow } from "./rows.js";
import type { TenantGroup } from "./tenants.js";

/** One key written in two ways, under whatever source tasks. Disabled rows take no part. */
export function checkSpellings(
  rows: readonly ManifestRow[],
  groups: readonly TenantGroup[],
  raw: RawManifest,
): readonly Problem[] {
  // Each row is another tenant of one source task: no key comes twice.
  if (groups.length === rows.length && groups.every((group) => group.sourceTaskId === groups[0]?.sourceTaskId))
    return [];
  const spellings = new Map<TenantKey, ManifestRow>();
  const faults: Problem[] = [];
  for (const row of rows) {
    if (row.key === undefined || row.enabled === false) continue;
    const first = spellings.get(row.key);
    if (first === undefined) spellings.set(row.key, row);
    else if (first.tenant !== row.tenant) faults.push(spelledTwoWays(row, first, raw));
  }
  return faults;
}

function spelledTwoWays(row: ManifestRow, first: ManifestRow, raw: RawManifest): Problem {
  const [here, there] = [row.tenant ?? "", first.tenant ?? ""];
  const alike = asSeen(here) === asSeen(there);
  return {
    code: "TENANT_SPELLED_TWO_WAYS",
    message:
      `The tenant is spelled ${quote(here)} here, but ${quote(there)} on line ${first.line}: both are one key.` +
      (alike ? " They look alike, but are written with different characters." : ""),
    hint: "Spell it the same way everywhere; two customers need keys that differ in more than case and blanks.",
    tenant: here,
    file: raw.file,
    ...raw.place(row.raw, "tenant"),
    value: keptValue(here),
  };
}

function asSeen(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFC");
}
