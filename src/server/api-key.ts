import { decodeText } from "../files/read-file.js";
import { trimAround } from "../shared/ids.js";
import { EXIT, StopError } from "../shared/problems.js";

/** Where a key comes from. `name` is what messages say: a variable, a file, "standard input". */
export type ApiKeySource =
  | { readonly kind: "variable"; readonly name: string; readonly text: string }
  | { readonly kind: "file"; readonly name: string; readonly bytes: Uint8Array };

/** Longer is no key but another file; a server's limit for all headers is about this. */
const LONGEST_KEY = 8192;

/**
 * Reads the API key: a file is decoded like a manifest, and what stands around the key is cut off. Throws a StopError (exit 2)
 * that names the file or the variable and never shows anything of its content.
 */
export function readApiKey(source: ApiKeySource): string {
  const text =
    source.kind === "file" ? decodeText(source.bytes, { file: source.name, secret: true }).text : source.text;
  const key = trimAround(text).replace(/^bearer[ \t]+/i, "");
  const fault = faultOf(key);
  if (fault !== undefined)
    throw new StopError(EXIT.usage, {
      code: "API_KEY",
      message: `the API key in ${source.name} cannot be used: ${fault}`,
      hint: "It must hold the key alone, on one line; make a new key in Qalyptus Server if in doubt",
      file: source.kind === "file" ? source.name : undefined,
    });
  return key;
}

function faultOf(key: string): string | undefined {
  if (key === "") return "it is empty";
  if (/[\r\n\u0085\u2028\u2029]/.test(key)) return "there are several lines";
  if (key.length > LONGEST_KEY) return `it is longer than ${LONGEST_KEY} characters`;
  if (/[\u0000-\u001f\u007f]/.test(key)) return "there are control characters in it";
  if (/[^\u0020-\u007e]/.test(key)) return "there are characters in it that are not ASCII";
  return undefined;
}
