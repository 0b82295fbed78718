import { zipOf } from "../../src/files/zip.js";

const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/** One cell: a text, or its XML from behind its reference on (` t="b"><v>1</v></c>`). */
export type Cell = string | { readonly xml: string };

export const number = (value: number | string, style = 0): Cell => ({ xml: ` s="${style}"><v>${value}</v></c>` });
export const typed = (type: string, inside: string): Cell => ({ xml: ` t="${type}">${inside}</c>` });

/** The styles that `number` may name. */
const STYLES = `<styleSheet><numFmts count="1"><numFmt numFmtId="164" formatCode="000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/><xf numFmtId="1"/></cellXfs></styleSheet>`;

export interface Sheet {
  readonly name?: string;
  readonly state?: string;
  readonly rows: readonly (readonly Cell[])[];
  readonly hidden?: readonly number[];
}

const text = (value: string): string => value.replace(/&/g, "&amp;").replace(/</g, "&lt;");

export function sheetXml({ rows, hidden = [] }: Sheet): string {
  const lines = rows.map((cells, at) => {
    const line = at + 1;
    const all = cells.map((cell, column) => {
      const ref = `${String.fromCharCode(65 + column)}${line}`;
      if (cell === "") return `<c r="${ref}" s="0"/>`;
      const inside = typeof cell === "string" ? ` t="inlineStr"><is><t>${text(cell)}</t></is></c>` : cell.xml;
      return `<c r="${ref}"${inside}`;
    });
    return `<row r="${line}"${hidden.includes(line) ? ' hidden="1"' : ""}>${all.join("")}</row>`;
  });
  return `<?xml version="1.0"?>\n<worksheet><sheetData>${lines.join("")}</sheetData></worksheet>`;
}

/** The parts of a workbook with these sheets, as Excel names them. */
export function partsOf(sheets: readonly Sheet[]): Record<string, string> {
  const relation = (id: string, kind: string, target: string) =>
    `<Relationship Id="${id}" Type="${OFFICE}/${kind}" Target="${target}"/>`;
  const list = sheets.map(
    ({ name = `Sheet1`, state }, at) => `<sheet name="${name}" ${state ? `state="${state}" ` : ""}r:id="r${at}"/>`,
  );
  const related = sheets.map((_, at) => relation(`r${at}`, "worksheet", `worksheets/sheet${at + 1}.xml`));
  return {
    "[Content_Types].xml": `<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`,
    "_rels/.rels": `<Relationships>${relation("r1", "officeDocument", "xl/workbook.xml")}</Relationships>`,
    "xl/workbook.xml": `<workbook xmlns:r="${OFFICE}"><sheets>${list.join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships>${related.join("")}${relation("s", "styles", "/xl/styles.xml")}${relation("t", "sharedStrings", "sharedStrings.xml")}</Relationships>`,
    "xl/styles.xml": STYLES,
    ...Object.fromEntries(sheets.map((sheet, at) => [`xl/worksheets/sheet${at + 1}.xml`, sheetXml(sheet)])),
  };
}

export function workbook(...sheets: readonly Sheet[]): Buffer {
  return zipOf(partsOf(sheets));
}
