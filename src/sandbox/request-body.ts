import * as z from "zod";

/** The server reads GUIDs with dashes only, in any case; braces and bare digits are refused. */
const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "must be a GUID with dashes")
  .transform((text) => text.toLowerCase());

const qlikApp = z.strictObject({ QlikAppId: guid, NewQlikAppId: guid });
const overwrite = z.strictObject({ ReportId: guid, QlikApps: z.array(qlikApp) });

const duplicateBody = z.strictObject({
  NewName: z.string().min(1, "must not be empty").nullish(),
  OverwriteReportApps: z.array(overwrite).optional(),
});

const patchBody = z.strictObject({ OverwriteReportApps: z.array(overwrite).length(1) });

/** One entry of `OverwriteReportApps`, with its GUIDs in lower case. */
export type Overwrite = z.output<typeof overwrite>;
export type DuplicateBody = z.output<typeof duplicateBody>;
export type PatchBody = z.output<typeof patchBody>;

/** A body as it was understood, or what is wrong with it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Reads a duplicate's body: exactly the documented fields, nothing else. */
export function parseDuplicateBody(body: unknown): Parsed<DuplicateBody> {
  return judged(duplicateBody.safeParse(body), (value) => value.OverwriteReportApps ?? []);
}

/** Reads a PATCH's body: the documented list, with exactly the one report that the path names. */
export function parsePatchBody(body: unknown): Parsed<PatchBody> {
  return judged(patchBody.safeParse(body), (value) => value.OverwriteReportApps);
}

function judged<T>(parsed: z.ZodSafeParseResult<T>, overwrites: (value: T) => readonly Overwrite[]): Parsed<T> {
  if (!parsed.success) {
    const told = parsed.error.issues.map((issue) => `${pathText(issue.path)}: ${issue.message}`);
    return { ok: false, message: told.join("; ") };
  }
  const repeated = repetition(overwrites(parsed.data));
  return repeated === undefined ? { ok: true, value: parsed.data } : { ok: false, message: repeated };
}

function repetition(overwrites: readonly Overwrite[]): string | undefined {
  const reports = overwrites.map((entry) => entry.ReportId);
  const report = firstRepeated(reports);
  if (report !== undefined) return `OverwriteReportApps: the ReportId ${report} comes twice`;
  for (const entry of overwrites) {
    const app = firstRepeated(entry.QlikApps.map((swap) => swap.QlikAppId));
    if (app !== undefined)
      return `OverwriteReportApps: the QlikAppId ${app} comes twice for the report ${entry.ReportId}`;
  }
  return undefined;
}

function firstRepeated(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index);
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return text === "" ? "body" : text.replace(/^\./, "");
}
