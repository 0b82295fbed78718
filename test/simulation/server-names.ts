import type { NameRule } from "./history.js";

/** What becomes of a name that a copy is to have. */
export type GivenName =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "refused"; readonly httpStatus: number };

/** Whether a copy bears the name that was sent for it, but for what folding takes away. */
export function keepsNames(rule: NameRule): boolean {
  return rule.startsWith("refused-") || ["as-sent", "upper-case", "trims-and-collapses"].includes(rule);
}

/** Names a copy as this server does. `number` is what it adds to a name that is taken. */
export function givenName(
  rule: NameRule,
  name: string,
  so: { readonly taken: boolean; readonly number: number },
): GivenName {
  switch (rule) {
    case "refused-when-taken-409":
    case "refused-when-taken-400":
      if (!so.taken) return { kind: "name", name };
      return { kind: "refused", httpStatus: rule === "refused-when-taken-409" ? 409 : 400 };
    case "suffix-when-taken":
      return { kind: "name", name: so.taken ? `${name} (${so.number})` : name };
    default:
      return { kind: "name", name: changed(rule, name) };
  }
}

function changed(rule: Exclude<NameRule, `refused-${string}` | "suffix-when-taken">, name: string): string {
  switch (rule) {
    case "as-sent":
      return name;
    case "suffix-always":
      return `${name} - Copy`;
    case "upper-case":
      return name.toUpperCase();
    case "trims-and-collapses":
      return name.trim().replace(/\s+/g, " ");
    case "cut":
      return name.slice(0, 26);
    case "escapes-marks":
      return name.replaceAll("&", "&amp;").replaceAll("'", "&#39;");
    case "latin-1":
      return name.replace(/[^\0-\xff]/g, "?");
    case "strips-accents":
      return name.normalize("NFD").replace(/\p{M}/gu, "");
    case "no-slashes":
      return name.replaceAll("/", "_");
    case "cut-at-14":
      return name.slice(0, 14);
    default:
      return rule satisfies never;
  }
}

/** What servers add to a name that is taken: a number, bare or in brackets, or a word for a copy. */
const ADDED = /^[ _-]*(?:\(?\d+\)?|\(?(?:copy|copie|kopie)\)?)$/;

/** Whether a task bears a name, or that name with what a server adds to it. Both folded. */
export function bearsName(listed: string, sent: string): boolean {
  return listed === sent || (listed.startsWith(sent) && ADDED.test(listed.slice(sent.length)));
}
