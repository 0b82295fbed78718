import type { ResultFile, RunResult } from "../shared/results.js";
import type { InputTable } from "./csv.js";

/** Makes a file of a result, in pieces: joined they are the whole file. */
type Render = (result: RunResult, input: InputTable | undefined) => Iterable<string>;

/** What writes each ending of `--out`. A new format is a file of its own, its ending in `RESULT_KINDS` and its line here. */
export const RESULT_FORMATS: Readonly<Record<ResultFile["kind"], () => Promise<Render>>> = {
  json: () => import("./json.js").then(({ jsonResult }) => jsonResult),
  csv: () => import("./csv.js").then(({ csvResult }) => csvResult),
  md: () => import("./markdown.js").then(({ markdownResult }) => markdownResult),
  html: () => import("./html/page.js").then(({ htmlResult }) => htmlResult),
  xml: () => import("./junit.js").then(({ junitResult }) => junitResult),
};
