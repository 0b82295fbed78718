import { isPrintableAscii } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import { firstOf, firstUnfit } from "../shared/unfit-characters.js";

/** Why a text is no value. `is` follows the text in a sentence. */
export interface ValueFault extends Pick<Problem, "code"> {
  readonly is: string;
  readonly hint: string;
}

/** Whose value it is, and where it stands. */
export interface ValuePlace extends Pick<Problem, "tenant" | "file" | "line"> {
  readonly column: string;
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
  if ((text.startsWith("#") && FORMULA_ERRORS.has(text)) || OFFICE_ERROR.test(text))
    return {
      code: "FORMULA_ERROR",
      is: "the error of a spreadsheet's formula, and no value",
      hint: "Mend the formula in the spreadsheet, then save the file again.",
    };
  if (text === "NULL" || text === "\\N")
    return {
      code: "NULL_VALUE",
      is: "what a database writes where it has no value",
      hint: "Write the value itself, or nothing where none is needed.",
    };
  const lost = isPrintableAscii(text) ? undefined : firstOf(/\ufffd/, text);
  if (lost === undefined) return undefined;
  return {
    code: "LETTER_LOST",
    is: `its character ${lost.place} is ${lost.codePoint}, which stands for a letter that was lost when the file was saved or read in the wrong encoding`,
    hint: "Save the file anew from where it came from, as UTF-8.",
  };
}

/** Why a text can be neither a tenant's key nor a copy's name. */
export function textFault(text: string): ValueFault | undefined {
  const lost = lostValue(text);
  if (lost !== undefined || isPrintableAscii(text)) return lost;
  const unfit = firstUnfit(text);
  if (unfit === undefined) return undefined;
  return {
    code: "CONTROL_CHARACTER",
    is: `its character ${unfit.place} is ${unfit.codePoint}, which cannot be seen or breaks the line`,
    hint: "Type the value anew, on one line: such a character is copied along unseen.",
  };
}

/** Tells that a text is no value. */
export function noValue({ code, is, hint }: ValueFault, text: string, at: ValuePlace): Problem {
  return { code, message: `${at.column} is ${quote(text)}: ${is}.`, hint, ...at, value: keptValue(text) };
}
