import { zipOf } from "../files/zip.js";
import { draftRows, type ManifestDraft } from "./apps.js";
import { COLUMN_RULES, MANIFEST_COLUMNS } from "./columns.js";

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/** The styles below: text, also where something is typed later, and a header. */
const [TEXT, TITLE] = [1, 2];

/** A first manifest as a workbook: all cells are text, as Excel keeps `007`; a second sheet says what the columns mean. */
export function draftAsWorkbook(draft: ManifestDraft): Buffer {
  const explained = MANIFEST_COLUMNS.map((column) => {
    const { aliases = [], description } = COLUMN_RULES[column];
    return [column, aliases.join(", "), description];
  });
  const sheets = [
    { name: "Tenants", rows: draftRows(draft), widths: [30, 40, 40, 40] },
    { name: "Columns", rows: [["column", "also", "meaning"], ...explained], widths: [18, 18, 100] },
  ];
  const each = (make: (sheet: (typeof sheets)[number], number: number) => string) =>
    sheets.map((sheet, at) => make(sheet, at + 1)).join("");
  const override = (part: string, type: string) =>
    `<Override PartName="/xl/${part}.xml" ContentType="${TYPE}.${type}+xml"/>`;
  const relation = (id: number, kind: string, target: string) =>
    `<Relationship Id="rId${id}" Type="${RELATION}/${kind}" Target="${target}"/>`;
  const relations = (content: string) =>
    `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${content}</Relationships>`;
  return zipOf({
    "[Content_Types].xml": `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${override("workbook", "sheet.main")}${override("styles", "styles")}${each((_, number) => override(`worksheets/sheet${number}`, "worksheet"))}</Types>`,
    "_rels/.rels": relations(relation(1, "officeDocument", "xl/workbook.xml")),
    "xl/workbook.xml": `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${RELATION}"><sheets>${each(({ name }, number) => `<sheet name="${name}" sheetId="${number}" r:id="rId${number}"/>`)}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relations(
      each((_, number) => relation(number, "worksheet", `worksheets/sheet${number}.xml`)) +
        relation(9, "styles", "styles.xml"),
    ),
    "xl/styles.xml": `${HEAD}<styleSheet xmlns="${MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/><xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`,
    ...Object.fromEntries(sheets.map((sheet, at) => [`xl/worksheets/sheet${at + 1}.xml`, sheetXml(sheet)])),
  });
}

function sheetXml({
  rows,
  widths,
}: {
  readonly rows: readonly (readonly string[])[];
  readonly widths: readonly number[];
}) {
  const columns = widths.map(
    (width, at) => `<col min="${at + 1}" max="${at + 1}" width="${width}" style="${TEXT}" customWidth="1"/>`,
  );
  const cell = (style: number) => (text: string) =>
    `<c s="${style}" t="inlineStr"><is><t xml:space="preserve">${escaped(text)}</t></is></c>`;
  const lines = rows.map((cells, at) => `<row>${cells.map(cell(at === 0 ? TITLE : TEXT)).join("")}</row>`);
  const frozen = `<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`;
  return `${HEAD}<worksheet xmlns="${MAIN}">${frozen}<cols>${columns.join("")}</cols><sheetData>${lines.join("")}</sheetData></worksheet>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** A text that looks like an escape of a workbook (`_x0041_`) gets its underscore escaped. */
function escaped(text: string): string {
  return text.replace(/_(?=x[\da-f]{4}_)/gi, "_x005F_").replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}
