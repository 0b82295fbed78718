import * as z from "zod";

const GUID_TEXT = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

/** Not a function of the reader: it reads more than this (aliases, keys of any case), and tells faults with their place. */
function guid(description: string) {
  return z
    .string()
    .regex(new RegExp(`^\\s*(\\{${GUID_TEXT}\\}|${GUID_TEXT})\\s*$`), "a GUID")
    .describe(description);
}

const ENABLED = z
  .union([z.boolean(), z.string()])
  .describe("false (or no, n, 0, off, faux, non, falsch, nein): this tenant is skipped. Left out or empty: true.");

const MAPPING = z
  .looseObject({
    reportId: guid(
      "One report of the source task: its row's id or its reportID. Left out: every report of the task.",
    ).optional(),
    qlikAppId: guid("The app that the report reads now, usually the master app.").optional(),
    newQlikAppId: guid("The tenant's own app, which the copy's report reads instead.").optional(),
  })
  .describe("One mapping. What it leaves out is taken from its tenant, then from the top level or the flags.");

const TENANT = z
  .looseObject({
    tenant: z.string().min(1).describe("The tenant's key, as text in quotes: 007 is not 7. Also: customer.").optional(),
    customer: z.string().min(1).describe("The same as tenant.").optional(),
    newQlikAppId: guid("The tenant's own app. Also: appId.").optional(),
    appId: guid("The same as newQlikAppId.").optional(),
    qlikAppId: guid(
      "The app that it replaces; without it the top level's, or --master-app. Also: masterAppId.",
    ).optional(),
    masterAppId: guid("The same as qlikAppId.").optional(),
    sourceTaskId: guid("The task to duplicate; without it the top level's, or --source-task.").optional(),
    reportId: guid("One report of that task; without it every report.").optional(),
    name: z
      .string()
      .describe("The copy's name: {tenant}, {task}, {any key}; {{ and }} for braces. Also: newName.")
      .optional(),
    newName: z.string().describe("The same as name.").optional(),
    enabled: ENABLED.optional(),
    newTaskId: guid("A copy that exists already, under any name: it is adopted.").optional(),
    mappings: z.array(MAPPING).describe("Several mappings of this tenant's one copy.").optional(),
  })
  .describe("One tenant. Other keys may be used in the name.");

const TENANTS = z.array(TENANT).min(1);

/** A JSON manifest, for editors and for the `schema` command (as JSON Schema). */
export const MANIFEST_SCHEMA = z
  .union([
    TENANTS.describe("One entry for each tenant."),
    z
      .looseObject({
        $schema: z.string().optional(),
        sourceTaskId: guid("The task to duplicate, for tenants that name none.").optional(),
        qlikAppId: guid("The app to replace, for tenants that name none.").optional(),
        reportIds: z
          .array(guid("A report's row id or its reportID."))
          .describe("The reports to map, for tenants that name none; without it every report of the source task.")
          .optional(),
        name: z
          .string()
          .describe("The copies' name, for tenants that give none; {task} - {tenant} unless given.")
          .optional(),
        tenants: TENANTS,
      })
      .describe("What the tenants share, and the tenants."),
  ])
  .describe("The tenants that must have a copy of a Qalyptus task, and the app that each one reads.");
