import { ERROR_CODES, type ErrorCodeGroup } from "../../src/shared/codes.js";

/** `CODES.md`, whole. */
export function codesPage(): string {
  const head = [
    "# Codes",
    "",
    "Every error, warning and tenant's trouble has a code (`error.code`, `warnings[].code` and `errors[].code` in JSON, `[CODE]`",
    "on the terminal). Messages may be reworded; codes stay. A message's own remedy knows more than this page.",
    "",
    "Made from `src/shared/codes.ts` by `npm run codes`.",
    "",
  ];
  return [...head, ...ERROR_CODES.flatMap(sectionOf)].join("\n");
}

function sectionOf({ title, codes }: ErrorCodeGroup): readonly string[] {
  const rows = Object.entries(codes).map(([code, [meaning, next]]) => `| \`${code}\` | ${meaning} | ${next} |`);
  return [`## ${title}`, "", "| code | what it means | what to do next |", "|---|---|---|", ...rows, ""];
}
