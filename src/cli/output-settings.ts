import type { OutputFormat, OutputSettings, ResultFile } from "../commands/settings.js";
import { quote } from "../shared/quotation.js";
import type { GivenOptions } from "./given-options.js";
import { OPTIONS } from "./option-table.js";
import { choiceOption } from "./option-values.js";

const KINDS: readonly ResultFile["kind"][] = ["json", "csv", "md", "html", "xml"];

/** The result file that a path's ending asks for, or `undefined` where the ending says nothing. */
export function resultFile(path: string): ResultFile | undefined {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase();
  const kind = KINDS.find((one) => one === ending);
  return kind === undefined ? undefined : { path, kind };
}

/** How the answer is told. `formats`: those that the command has. */
export function readOutput(given: GivenOptions, formats: readonly OutputFormat[]): OutputSettings {
  const quiet = given.has(OPTIONS.quiet);
  const verbose = given.has(OPTIONS.verbose);
  if (quiet && verbose)
    given.refuse({
      code: "OPTIONS_CONFLICT",
      message: "--quiet and --verbose contradict each other",
      hint: "Leave one of them out",
    });
  return {
    format: formats.length === 0 ? "human" : (choiceOption(given, OPTIONS.format, formats) ?? "human"),
    verbosity: quiet ? "quiet" : verbose ? "verbose" : "normal",
    noColor: given.has(OPTIONS.noColor),
    files: [],
  };
}

/** As {@link readOutput}, with the `--out` files. */
export function readOutputWithFiles(given: GivenOptions): OutputSettings {
  return { ...readOutput(given, ["human", "json", "ndjson"]), files: resultFiles(given) };
}

function resultFiles(given: GivenOptions): readonly ResultFile[] {
  const files = [...new Set(given.texts(OPTIONS.out))].map((path) => ({ path, file: resultFile(path) }));
  for (const { path, file } of files)
    if (file === undefined)
      given.refuse({
        code: "OUT_ENDING",
        message: `--out ${quote(path)}: the file's ending does not say how to write the result`,
        hint: "It is one of .json .csv .md .html .xml (JUnit)",
        value: path,
      });
  return files.flatMap(({ file }) => file ?? []);
}
