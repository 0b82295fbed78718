import type { ManifestDraft } from "./tenant-draft.js";

const MARK = "\ufeff";

/** Where `schema` is told to put the JSON Schema that editors check a manifest with. */
export const SCHEMA_FILE = "manifest.schema.json";

/**
 * A first manifest as CSV: byte order mark and CRLF, so that Excel opens it right; the tenants' keys exactly as they are, which
 * quoting alone cannot change (a manifest's text is data: a formula's `=` stays).
 */
export function draftAsCsv(draft: ManifestDraft): string {
  const { sourceTaskId, masterApp } = draft;
  const master = masterApp === undefined ? [] : [masterApp];
  const header = ["tenant", "newQlikAppId", ...(masterApp === undefined ? [] : ["qlikAppId"]), "sourceTaskId"];
  const rows = draft.tenants.map(({ tenant, newQlikAppId }) => [tenant, newQlikAppId, ...master, sourceTaskId]);
  return MARK + [header, ...rows].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

function cell(text: string): string {
  return /[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

/** A first manifest as JSON: what the tenants share on top. */
export function draftAsJson(draft: ManifestDraft): string {
  const { sourceTaskId, masterApp, tenants } = draft;
  const shared = [
    ["$schema", `./${SCHEMA_FILE}`],
    ["sourceTaskId", sourceTaskId],
    ...(masterApp === undefined ? [] : [["qlikAppId", masterApp]]),
  ];
  const lines = shared.map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)},\n`).join("");
  const rows = tenants.map(({ tenant, newQlikAppId }) => `    ${JSON.stringify({ tenant, newQlikAppId })}`);
  return `{\n${lines}  "tenants": [\n${rows.join(",\n")}\n  ]\n}\n`;
}
