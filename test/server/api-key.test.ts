import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { readApiKey } from "../../src/server/credentials.js";
import { StopError } from "../../src/shared/problems.js";

type Source = Parameters<typeof readApiKey>;
const file = (bytes: Uint8Array | string): Source => ["acme.key", Buffer.from(bytes as Uint8Array)];
const variable = (text: string): Source => ["QALYPTUS_API_KEY", text];

describe("an API key", () => {
  it.each([
    ["the key alone", file("qk-acme-1")],
    ["a line end", file("qk-acme-1\r\n")],
    ["PowerShell's UTF-16", file(Buffer.from("\ufeffqk-acme-1\r\n", "utf16le"))],
    ["a byte order mark", file("\ufeffqk-acme-1\n\n")],
    ["zero-width space around it", variable("\u200b qk-acme-1\u00a0")],
    ["the word that goes before it on the wire", variable("Bearer qk-acme-1")],
  ])("is read with %s", (_, source) => {
    expect(readApiKey(...source)).toBe("qk-acme-1");
  });

  it.each([
    ["empty", ""],
    ["blank", " \r\n\u200b"],
    ["of several lines", "hunter2-a\nhunter2-b"],
    ["with a control character", "hunter2\u0007x"],
    ["with a tab", "hunter2\tx"],
    ["not ASCII", "hunter2-é"],
    ["with a zero-width space inside", "hun\u200bter2"],
    ["as long as a file", "hunter2".repeat(2000)],
  ])("that is %s is refused by name, and not shown", (_, text) => {
    for (const source of [file(text), variable(text)]) {
      const error = refusalOf(source);
      expect(error.exitCode).toBe(2);
      expect(error.message).toContain(source[0]);
      expect(inspect(error, { depth: 10 })).not.toContain("hunter2");
    }
  });

  it("in a file that is no text is refused and not shown", () => {
    const error = refusalOf(file(Buffer.from("hunter2\u0000\u0001hunter2", "latin1")));
    expect(error.exitCode).toBe(2);
    expect(inspect(error, { depth: 10 })).not.toContain("hunter2");
  });
});

function refusalOf(source: Source): StopError {
  try {
    readApiKey(...source);
  } catch (error) {
    if (error instanceof StopError) return error;
    throw error;
  }
  throw new Error("the key was not refused");
}
