import fc from "fast-check";

/** Pieces that hurt somewhere: terminals, CI logs, spreadsheets, XML, HTML, Markdown. */
const PIECES = [
  "acme",
  "日本の会社",
  "👩‍👩‍👧",
  "é",
  "\u0000",
  "\u001b[31m",
  "\u001b]0;x\u0007",
  "\r\n",
  "\n",
  "\t",
  "\u0085",
  "\u009b31m",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u2066",
  "\ufeff",
  "\ud800",
  "\udc00",
  "\uffff",
  "::error::x",
  "::",
  "##vso[task.setvariable]x",
  "##[error]",
  "#",
  "##teamcity[x]",
  "<img src=x onerror=alert(1)>",
  "</script>",
  "<!--",
  "]]>",
  "</noscript>",
  "&amp;",
  "'",
  '"',
  "`",
  "|",
  "\\",
  "[x](http://evil.example)",
  "@everyone",
  "#123",
  "=cmd|' /C calc'!A0",
  "+1",
  "-1",
  "@SUM(A1)",
  ",",
  ";",
  " ",
  "%0A",
  "{{x}}",
] as const;

/** Text from outside at its worst. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((pieces) => pieces.join("")),
  fc.string({ unit: "binary", maxLength: 30 }),
);

/** Whether a text holds a control character, a line end apart. */
export function hasControls(text: string): boolean {
  return /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

/** Whether a CI system (GitHub, Azure, TeamCity) would take a line of this text for a command. */
export function holdsCommand(text: string): boolean {
  return text.split(/\r\n|[\n\r]/).some((line) => line.trim().startsWith("::") || /##\w*\[/.test(line));
}
