import type { ProblemCode } from "../shared/codes.js";
import { isPrintableAscii } from "../shared/ids.js";
import { firstOf, firstUnfit } from "../shared/text-safety.js";

/** Why a text is no value. `is` follows the text in a sentence. */
export interface ValueFault {
  readonly code: ProblemCode;
  readonly is: string;
}

/** The error words of spreadsheets, in the languages that Excel writes them in. */
const FORMULA_ERRORS: ReadonlySet<string> = new Set(
  [
    "#N/A #NV #N/D #N/D! #N/B #REF! #BEZUG! #¡REF! #RIF! #VERW! #ADR! #VALUE! #WERT! #VALEUR! #¡VALOR! #VALOR! #VALORE!",
    "#WAARDE! #ARG! #NAME? #NOM? #¿NOMBRE? #NOME? #NAAM? #NAZWA? #DIV/0! #¡DIV/0! #DEEL/0! #DZIEL/0! #NULL! #NUL! #¡NULO!",
    "#NULO! #NULLO! #LEEG! #ZERO! #NUM! #ZAHL! #NOMBRE! #¡NUM! #NÚM! #GETAL! #LICZBA! #SPILL! #CALC! #FIELD! #BLOCKED!",
    "#CONNECT! #BUSY! #UNKNOWN! #GETTING_DATA #ÜBERLAUF! #KALK! #PROPAGATION! #CALCUL!",
  ].flatMap((line) => line.split(" ")),
);
const OFFICE_ERROR = /^Err ?:\d{3}$/;

/**
 * What stands where a value should, and is none: a formula's error, a database's NULL, a text of which letters were lost.
 * Neither a tenant's key nor a name or an ID.
 */
export function lostValue(text: string): ValueFault | undefined {
  if (FORMULA_ERRORS.has(text) || OFFICE_ERROR.test(text))
    return { code: "FORMULA_ERROR", is: ": the error of a spreadsheet's formula, and no value" };
  if (text === "NULL" || text === "\\N")
    return { code: "NULL_VALUE", is: ": what a database writes where it has no value" };
  const lost = firstOf(/\ufffd/, text);
  if (lost === undefined) return undefined;
  const why = "stands for a letter that was lost when the file was saved or read in the wrong encoding";
  return { code: "LETTER_LOST", is: `: its character ${lost.place} is ${lost.codePoint}, which ${why}` };
}

/** Why a text can be neither a tenant's key nor a copy's name. */
export function textFault(text: string): ValueFault | undefined {
  const lost = lostValue(text);
  const unfit = lost !== undefined || isPrintableAscii(text) ? undefined : firstUnfit(text);
  if (unfit === undefined) return lost;
  const is = `: its character ${unfit.place} is ${unfit.codePoint}, which cannot be seen or breaks the line`;
  return { code: "CONTROL_CHARACTER", is };
}

/** Why a text is no GUID. It may look like one: then its first character beyond ASCII tells why it is none. */
export function guidFault(text: string): ValueFault {
  const odd = firstOf(/[^ -~]/u, text);
  const why = odd === undefined ? "" : `: its character ${odd.place} is ${odd.codePoint}`;
  return lostValue(text) ?? { code: "NOT_A_GUID", is: `, which is no GUID${why}` };
}
