import type { OptionSpec } from "./option-spec.js";
import { grouped, OPTIONS } from "./option-table.js";

/** The manifest as an argument. */
export const MANIFEST = { name: "MANIFEST", description: "the manifest, CSV or JSON", file: true };

const COMMON = [OPTIONS.quiet, OPTIONS.verbose, OPTIONS.noColor, OPTIONS.help, OPTIONS.version];
/** `--format` of commands whose answer comes in one piece. */
export const FORMAT_OF_ONE_ANSWER = { ...OPTIONS.format, choices: ["human", "json"] };
/** The options of every command that speaks to the server. */
export const CONNECTION = [
  OPTIONS.server,
  OPTIONS.apiKeyFile,
  OPTIONS.caFile,
  OPTIONS.insecure,
  OPTIONS.timeout,
  OPTIONS.rate,
  OPTIONS.retries,
];
/** What rows that say nothing take. */
export const ROW_DEFAULTS = [OPTIONS.sourceTask, OPTIONS.masterApp, OPTIONS.report, OPTIONS.name];
/** Exceptions to the checks between rows. */
export const EXCEPTIONS = [OPTIONS.allowSharedApp, OPTIONS.allowMasterApp, OPTIONS.allowUnmappedReport];

/** The headings of help, in one place so that every command has the same. */
export const HEADING = {
  manifest: "For rows that say nothing:",
  plan: "What is planned:",
  exceptions: "Exceptions, one by one:",
  connection: "The server:",
  writing: "How it is carried out:",
  log: "The idempotency log:",
  output: "Output:",
  common: "Everywhere:",
} as const;

/** Options under the heading of output. */
export function answer(...options: readonly Omit<OptionSpec, "group">[]): readonly OptionSpec[] {
  return grouped(HEADING.output, options);
}

/** The options of every command. */
export const EVERYWHERE = grouped(HEADING.common, COMMON);
