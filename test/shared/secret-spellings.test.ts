import { describe, expect, it } from "vitest";
import { secretSpellings } from "../../src/shared/quoting.js";

describe("the spellings of a secret", () => {
  it("are one where it needs no escape", () => {
    expect(secretSpellings("plain-key_01.x~")).toEqual(["plain-key_01.x~"]);
  });

  it("are those of JSON and of URLs, whichever case the hex digits have", () => {
    const spelled = secretSpellings('a/b+c="d');
    for (const text of ['a/b+c="d', 'a/b+c=\\"d', 'a\\/b+c=\\"d', "a%2Fb%2Bc%3D%22d", "a%2fb%2bc%3d%22d"])
      expect(spelled).toContain(text);
  });

  it("are found for half a character too", () => {
    expect(secretSpellings("\ud800-secret")).toContain("\ud800-secret");
  });
});
