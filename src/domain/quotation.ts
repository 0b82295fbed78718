const LONGEST_SHOWN = 80;
const LONGEST_KEPT = 200;

/** A value from outside as a message shows it: in quotes, control characters escaped, long ones cut. */
export function quote(text: string): string {
  return JSON.stringify(cut(text, LONGEST_SHOWN)).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A value from outside as a problem keeps it: whole, unless it is very long. */
export function keptValue(text: string): string {
  return cut(text, LONGEST_KEPT);
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
