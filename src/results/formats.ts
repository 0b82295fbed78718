import type { RunResult } from "../shared/outcome.js";
import type { InputTable } from "./csv.js";

/** Makes a file of a result, in pieces: joined they are the whole file. */
type Render = (result: RunResult, input: InputTable | undefined) => Iterable<string>;

/** The endings of `--out`, and what writes each. A new format is a file of its own and a line here. */
export const RESULT_FORMATS = {
  json: () => import("./json.js").then(({ jsonResult }) => jsonResult),
  csv: () => import("./csv.js").then(({ csvResult }) => csvResult),
  md: () => import("./markdown.js").then(({ markdownResult }) => markdownResult),
  html: () => import("./html/page.js").then(({ htmlResult }) => htmlResult),
  xml: () => import("./junit.js").then(({ junitResult }) => junitResult),
} as const satisfies Record<string, () => Promise<Render>>;

export type ResultFormat = keyof typeof RESULT_FORMATS;
