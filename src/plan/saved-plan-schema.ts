import * as z from "zod";
import type { SavedPlan } from "./saved-plan.js";

const SWAP = z.strictObject({ reportId: z.string(), qlikAppId: z.string(), newQlikAppId: z.string() });

const SAVED_TENANT = z.strictObject({
  sourceTaskId: z.string().nullable(),
  key: z.string(),
  tenant: z.string(),
  action: z.string(),
  name: z.string().nullable(),
  newTaskId: z.string().nullable(),
  mappings: z.array(SWAP),
});

const SHAPE = z.strictObject({
  sourceTask: z.string().optional(),
  masterApp: z.string().optional(),
  reports: z.array(z.string()),
  reportId: z.enum(["row", "report"]),
  name: z.string().optional(),
  adopt: z.boolean(),
  recreate: z.boolean(),
  only: z.array(z.string()),
  limit: z.number().optional(),
  allowSharedApp: z.array(z.string()),
  allowMasterApp: z.array(z.string()),
  allowUnmappedReport: z.array(z.string()),
  allowLiveSource: z.boolean(),
});

/** A saved plan's file. Loaded only where a plan is read: starting costs what is used. */
export const SAVED_PLAN: z.ZodType<SavedPlan> = z.strictObject({
  format: z.literal("qalyptus-propagate-plan"),
  version: z.literal(1),
  savedAt: z.string(),
  server: z.string(),
  /** Paths as they were given: relative ones are found from the folder that the plan is carried out in. */
  manifest: z.strictObject({ path: z.string(), sha256: z.string(), encoding: z.string().optional() }),
  logFile: z.string(),
  log: z.strictObject({ path: z.string(), seq: z.number(), digest: z.string() }).nullable(),
  apps: z.string().optional(),
  verify: z.boolean().optional(),
  shape: SHAPE,
  tenants: z.array(SAVED_TENANT),
  digest: z.string(),
});
