import { describe, expect, it } from "vitest";
import { decodeText } from "../../src/files/read-file.js";
import { EXIT, type Problem, StopError } from "../../src/shared/problems.js";

const FILE = "customers.csv";

function bytes(text: string, encoding: "utf8" | "utf16le" | "latin1", mark: readonly number[] = []): Uint8Array {
  return Buffer.concat([Buffer.from(mark), Buffer.from(text, encoding)]);
}

function bigEndian(text: string): Uint8Array {
  return Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(text, "utf16le").swap16()]);
}

function refusal(content: Uint8Array, options: { readonly encoding?: string } = {}): Problem {
  try {
    decodeText(content, { file: FILE, ...options });
  } catch (error) {
    if (!(error instanceof StopError) || error.problems[0] === undefined) throw error;
    expect(error.exitCode).toBe(EXIT.usage);
    return error.problems[0];
  }
  throw new Error("the bytes were accepted");
}

describe("decodeText", () => {
  const text = "tenant,name\nZürich,Müller – 東京\n";

  it.each([
    ["UTF-8 without a mark", bytes(text, "utf8"), "utf-8"],
    ["UTF-8 with a mark", bytes(text, "utf8", [0xef, 0xbb, 0xbf]), "utf-8"],
    ["UTF-16 LE with a mark (PowerShell)", bytes(text, "utf16le", [0xff, 0xfe]), "utf-16le"],
    ["UTF-16 BE with a mark", bigEndian(text), "utf-16be"],
  ])("reads %s, and leaves the mark out", (_, content, encoding) => {
    expect(decodeText(content, { file: FILE })).toEqual({ text, encoding });
  });

  it("reads Windows-1252 where the bytes are no UTF-8, and shows the first such value with its line", () => {
    const content = Buffer.from([
      ...Buffer.from('tenant;name\r\nacme;ok\r\n"Z'),
      0xfc,
      ...Buffer.from("rich AG"),
      0x22,
      0x3b,
      0x80,
    ]);
    const decoded = decodeText(content, { file: FILE });
    expect(decoded.text).toBe('tenant;name\r\nacme;ok\r\n"Zürich AG";€');
    expect(decoded.warning).toMatchObject({ code: "ENCODING_GUESSED", file: FILE, line: 3, value: "Zürich AG" });
    expect(decoded.warning?.message).toContain("Zürich AG");
  });

  it("counts lines that end in CR alone", () => {
    const content = Buffer.from([...Buffer.from("a\rb\r"), 0xe9]);
    expect(decodeText(content, { file: FILE }).warning?.line).toBe(3);
  });

  it("shows the value whose bytes are no UTF-8, not one that is", () => {
    const content = Buffer.concat([Buffer.from("Zürich,", "utf8"), Buffer.from([0x4d, 0xfc])]);
    expect(decodeText(content, { file: FILE }).warning?.value).toBe("Mü");
  });

  it("reads every Windows-1252 byte from 0x80 to 0x9f as Windows does", () => {
    const high = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);
    const { text: read } = decodeText(high, { file: FILE, encoding: "cp1252" });
    expect(read).toBe("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ");
  });

  it.each(["utf8", "UTF-8", "utf-8-sig"])("takes %s for UTF-8", (encoding) => {
    expect(decodeText(bytes("é", "utf8"), { file: FILE, encoding })).toEqual({ text: "é", encoding: "utf-8" });
  });

  it.each(["latin1", "ansi", "Windows-1252"])("takes %s for Windows-1252, and warns of nothing", (encoding) => {
    expect(decodeText(bytes("é", "latin1"), { file: FILE, encoding })).toEqual({ text: "é", encoding: "windows-1252" });
  });

  it("reads UTF-16 without a mark where it is stated", () => {
    expect(decodeText(bytes("acme", "utf16le"), { file: FILE, encoding: "utf-16le" }).text).toBe("acme");
    expect(decodeText(bigEndian("acme"), { file: FILE, encoding: "UTF-16" }).text).toBe("acme");
  });

  it("reads another encoding that is stated", () => {
    expect(decodeText(Buffer.from([0xc0]), { file: FILE, encoding: "windows-1251" }).text).toBe("А");
  });

  it.each([
    ["an .xlsx", [0x50, 0x4b, 0x03, 0x04, 0x14, 0x00]],
    ["an old .xls", [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1]],
  ])("refuses %s by name, also where an encoding is stated", (_, start) => {
    for (const encoding of [undefined, "windows-1252"]) {
      const problem = refusal(Uint8Array.from(start), encoding === undefined ? {} : { encoding });
      expect(problem).toMatchObject({ code: "WORKBOOK", file: FILE });
      expect(problem.message).toContain("Excel");
      expect(problem.hint).toContain("CSV UTF-8");
    }
  });

  it("refuses NUL bytes without a mark", () => {
    expect(refusal(bytes("acme", "utf16le")).code).toBe("NUL_BYTES");
    expect(refusal(bytes("ac\u0000me", "utf8"), { encoding: "utf-8" }).code).toBe("NUL_BYTES");
  });

  it("refuses an encoding that it does not know, with those it does", () => {
    const problem = refusal(bytes("acme", "utf8"), { encoding: "klingon" });
    expect(problem).toMatchObject({ code: "ENCODING_UNKNOWN", value: "klingon" });
    expect(problem.hint).toContain("windows-1252");
  });

  it("refuses bytes that the stated encoding cannot have, with their line", () => {
    const content = Buffer.from([...Buffer.from("a\nb\n"), 0xe9]);
    expect(refusal(content, { encoding: "utf-8" })).toMatchObject({ code: "ENCODING_INVALID", line: 3 });
  });

  it("refuses bytes that the mark's encoding cannot have", () => {
    expect(refusal(Uint8Array.from([0xef, 0xbb, 0xbf, 0x61, 0xe9])).code).toBe("ENCODING_INVALID");
    expect(refusal(Uint8Array.from([0xff, 0xfe, 0x61])).code).toBe("ENCODING_INVALID");
  });

  it("refuses a stated encoding that the mark belies", () => {
    const problem = refusal(bytes("a", "utf8", [0xef, 0xbb, 0xbf]), { encoding: "windows-1252" });
    expect(problem.message).toContain("mark of utf-8");
  });
});
