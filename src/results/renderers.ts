import type { RunResult } from "../shared/outcome.js";
import { csvResultPieces, type InputTable } from "./csv.js";
import { htmlResultPieces } from "./html/page.js";
import { jsonResultPieces } from "./json.js";
import { junitResultPieces } from "./junit.js";
import { markdownResult } from "./markdown.js";

/** The formats of `--out`, by the file's ending. */
export type ResultFormat = "json" | "csv" | "md" | "html" | "xml";

/** The result in the format of an `--out` file, in pieces: joined they are the whole file. */
export function renderResult(format: ResultFormat, result: RunResult, input: InputTable | undefined): Iterable<string> {
  switch (format) {
    case "json":
      return jsonResultPieces(result);
    case "csv":
      return csvResultPieces(result, input);
    case "md":
      return [markdownResult(result)];
    case "html":
      return htmlResultPieces(result);
    case "xml":
      return junitResultPieces(result);
    default:
      return format satisfies never;
  }
}
