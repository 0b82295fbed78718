import { createHash } from "node:crypto";

/**
 * Chance that depends on what is asked, not on when: the same seed and the same words give the same draw, however requests
 * interleave. So a rehearsal can be repeated although its requests run side by side.
 */
export class SeededChance {
  readonly seed: string;

  constructor(seed: string) {
    this.seed = seed;
  }

  /** From 0 up to, not including, 1. */
  fraction(...words: readonly (string | number)[]): number {
    return this.#digest(words).readUIntBE(0, 6) / 2 ** 48;
  }

  /** A version 4 GUID, in lower case. */
  guid(...words: readonly (string | number)[]): string {
    const bytes = this.#digest(["guid", ...words]).subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** One of several, each as likely as the others; `undefined` where there is none. */
  pick<T>(from: readonly T[], ...words: readonly (string | number)[]): T | undefined {
    return from[Math.floor(this.fraction("pick", ...words) * from.length)];
  }

  #digest(words: readonly (string | number)[]): Buffer {
    return createHash("sha256")
      .update(JSON.stringify([this.seed, ...words]))
      .digest();
  }
}
