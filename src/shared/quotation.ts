import { escapeUnfit } from "./unfit-characters.js";

const LONGEST_SHOWN = 80;
const LONGEST_KEPT = 200;

/** A value from outside as a message shows it: in quotes, long ones cut, what cannot be seen by its code. */
export function quote(text: string): string {
  return escapeUnfit(JSON.stringify(cut(text, LONGEST_SHOWN)));
}

/** A value from outside as a problem keeps it: whole, unless it is very long. */
export function keptValue(text: string): string {
  return cut(text, LONGEST_KEPT);
}

const MOST_LISTED = 12;

/** The names of what a manifest has, as a hint lists them: the first dozen, and how many more. */
export function listed(names: readonly string[]): string {
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : "";
  return names.length === 0 ? "none" : names.slice(0, MOST_LISTED).join(", ") + more;
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
