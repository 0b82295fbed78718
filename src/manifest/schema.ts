import * as z from "zod";
import { COLUMN_RULES, MANIFEST_COLUMNS, type ManifestColumn } from "./columns.js";

const GUID_TEXT = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
const GUID = z.string().regex(new RegExp(`^\\s*(\\{${GUID_TEXT}\\}|${GUID_TEXT})\\s*$`), "a GUID");
const KINDS = { text: z.string(), guid: GUID, switch: z.union([z.boolean(), z.string()]) };

function typeOf(column: ManifestColumn): z.ZodType {
  return column === "tenant" ? z.string().min(1) : KINDS[COLUMN_RULES[column].kind];
}

function keysOf(columns: readonly ManifestColumn[]): Record<string, z.ZodType> {
  const keys: Record<string, z.ZodType> = {};
  for (const column of columns) {
    const { description, aliases = [] } = COLUMN_RULES[column];
    const also = aliases.length > 0 ? ` Also: ${aliases.join(", ")}.` : "";
    keys[column] = typeOf(column).describe(`${description}${also}`).optional();
    for (const alias of aliases) keys[alias] = typeOf(column).describe(`The same as ${column}.`).optional();
  }
  return keys;
}

const MAPPING = z
  .looseObject(keysOf(MANIFEST_COLUMNS.filter((column) => COLUMN_RULES[column].inMappings)))
  .describe("One mapping. What it leaves out is taken from its tenant, then from the top level or the flags.");

const TENANTS = z
  .array(
    z
      .looseObject({
        ...keysOf(MANIFEST_COLUMNS),
        mappings: z.array(MAPPING).describe("Several mappings of this tenant's one copy.").optional(),
      })
      .describe("One tenant. Other keys may be used in the name."),
  )
  .min(1);

const SHARED = MANIFEST_COLUMNS.flatMap((column) => {
  const { atTop } = COLUMN_RULES[column];
  return atTop === undefined ? [] : [[column, typeOf(column).describe(atTop).optional()] as const];
});

/**
 * A JSON manifest, for editors and for the `schema` command (as JSON Schema). The reader does not use it: it reads more than
 * this (keys of any case), and tells faults with their place.
 */
export const MANIFEST_SCHEMA = z
  .union([
    TENANTS.describe("One entry for each tenant."),
    z
      .looseObject({
        $schema: z.string().optional(),
        ...Object.fromEntries(SHARED),
        reportIds: z
          .array(GUID.describe("A report's row id or its reportID."))
          .describe("The reports to map, for tenants that name none; without it every report of the source task.")
          .optional(),
        tenants: TENANTS,
      })
      .describe("What the tenants share, and the tenants."),
  ])
  .describe("The tenants that must have a copy of a Qalyptus task, and the app that each one reads.");
