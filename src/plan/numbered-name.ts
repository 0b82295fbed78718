import type { FoldedName } from "../shared/ids.js";

/**
 * What a server adds to a name that is taken: a number, in brackets or behind a blank, `-` or `_`; or a word for a copy. Of a folded
 * name.
 */
const ADDITION =
  /(?:[ _-]*(?:\(\d+\)|\[\d+\]|\((?:copy|copie|kopie)\)|\[(?:copy|copie|kopie)\])|[ _-]+(?:\d+|copy|copie|kopie))$/u;

/** The names that a folded name may have been made from: `acme (2) copy` from `acme (2)` and from `acme`. */
export function namesWithoutAddition(folded: FoldedName): readonly string[] {
  const names: string[] = [];
  for (let name = folded.replace(ADDITION, ""); name !== "" && name !== (names.at(-1) ?? folded); ) {
    names.push(name);
    name = name.replace(ADDITION, "");
  }
  return names;
}
