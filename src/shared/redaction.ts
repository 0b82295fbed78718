import { GUID_TEXT } from "./ids.js";
import { escapeHtml, escapeMarkdown } from "./text-safety.js";

/** Shorter text is no key, and to take it out would spoil every text. */
const SHORTEST_SECRET = 8;
/** A key of this length is one that a machine made: of it so many characters in a row are as secret as the whole. */
const LONG_SECRET = 24;
/** So many in each spelling; in base64 those that lie wholly within so many bytes. */
const LEAST = { plain: 12, base64: 15, hex: 24, spacedHex: 35 };
/** So many characters are looked at as one. */
const GRAM = 4;
const GRAMS = 1 << 16;
/** A key that repeats itself is looked for at so many of its places. */
const MOST_PLACES = 64;

/** One spelling of a secret, folded; `least`: so many of its characters in a row are taken out. */
interface Needle {
  readonly text: string;
  readonly least: number;
  readonly mask: string;
}

/** Where a needle was found in a text. */
interface Found {
  readonly start: number;
  readonly end: number;
  readonly isWhole: boolean;
}

/**
 * Takes secrets out of what leaves the program: its streams, its files, the log. However they are spelled: as they are, in either case, in
 * base64, in hex, as URLs, JSON and HTML write them; of a long one also each part of 12 characters, for a server may cut it in two.
 * An ID is no part of a key, and words are none: a tenant may be named as a part of one is.
 *
 * A text costs the same whatever the secrets are: one place in a few is looked at, and only where four characters of a secret
 * stand there are they compared.
 */
export class Redactor {
  readonly #needles: Needle[] = [];
  readonly #places = new Map<number, { readonly needle: Needle; readonly at: number }[]>();
  /** Which grams there are: looked at first, for most are none. */
  readonly #grams = new Uint8Array(GRAMS);
  #shortest = Number.POSITIVE_INFINITY;

  /** From now on this text is taken out. `what`: what stands in its place. */
  add(secret: string, what = "API key"): void {
    const bare = secret.trim();
    if (bare.length < SHORTEST_SECRET) return;
    const isLong = bare.length >= LONG_SECRET;
    for (const [text, spelling] of spellingsOf(bare)) {
      const least = isLong ? LEAST[spelling] : text.length;
      const needle = { text: text.toLowerCase(), least, mask: `[${what}]` };
      if (needle.text.length < SHORTEST_SECRET || this.#needles.some((other) => other.text === needle.text)) continue;
      this.#needles.push(needle);
      this.#shortest = Math.min(this.#shortest, least);
      for (let at = 0; at + GRAM <= needle.text.length; at += 1) {
        const gram = gramAt(needle.text, at);
        const places = this.#places.get(gram) ?? [];
        if (places.length < MOST_PLACES) places.push({ needle, at });
        this.#places.set(gram, places);
        this.#grams[gram] = 1;
      }
    }
  }

  /** The text without any secret. */
  apply(text: string): string {
    if (!this.#mayBeIn(text)) return text;
    let clean = "";
    let kept = 0;
    for (const { start, end, mask } of this.#find(text)) {
      clean += text.slice(kept, start) + mask;
      kept = end;
    }
    return kept === 0 ? text : clean + text.slice(kept);
  }

  /** Whether a whole secret stands in a text, or in any text of a value. */
  isIn(value: unknown): boolean {
    return this.#someText(value, (text) => {
      if (this.#mayBeIn(text)) for (const { isWhole } of this.#find(text)) if (isWhole) return true;
      return false;
    });
  }

  /** A value with every text in it clean; the value itself where all are. */
  applyAll<T>(value: T): T {
    return this.#someText(value, (text) => this.#mayBeIn(text)) ? (this.#cleaned(value) as T) : value;
  }

  #someText(value: unknown, test: (text: string) => boolean): boolean {
    if (typeof value === "string") return test(value);
    if (typeof value !== "object" || value === null) return false;
    for (const name in value) if (this.#someText(value[name as keyof typeof value], test)) return true;
    return false;
  }

  /** Whether four characters of a secret stand at one of the places that are looked at: in most texts they do not. */
  #mayBeIn(text: string): boolean {
    const step = this.#shortest - GRAM + 1;
    for (let at = 0; at + GRAM <= text.length; at += step) if (this.#grams[gramAt(text, at)] === 1) return true;
    return false;
  }

  #cleaned(value: unknown): unknown {
    if (typeof value === "string") return this.apply(value);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const clean = value.map((item) => this.#cleaned(item));
      return clean.some((item, at) => item !== value[at]) ? clean : value;
    }
    let changed: Record<string, unknown> | undefined;
    for (const [name, item] of Object.entries(value)) {
      const clean = this.#cleaned(item);
      if (clean === item) continue;
      changed ??= { ...value };
      changed[name] = clean;
    }
    return changed ?? value;
  }

  *#find(text: string): Generator<Found & { readonly mask: string }> {
    // A run of so many characters holds a whole gram at one of these places.
    const step = this.#shortest - GRAM + 1;
    let from = 0;
    for (let at = 0; at + GRAM <= text.length; at += step) {
      if (at < from) continue;
      const gram = gramAt(text, at);
      if (this.#grams[gram] === 0) continue;
      let best: (Found & { readonly mask: string }) | undefined;
      for (const { needle, at: place } of this.#places.get(gram) ?? []) {
        const found = runAround(text, at, from, needle, place);
        if (found !== undefined && (best === undefined || found.end - found.start > best.end - best.start))
          best = { ...found, mask: needle.mask };
      }
      if (best === undefined) continue;
      yield best;
      from = best.end;
      at = from - step;
    }
  }
}

/** Four characters as one number, in either case. */
function gramAt(text: string, at: number): number {
  let gram = 0;
  for (let offset = 0; offset < GRAM; offset += 1) gram = (gram * 31 + lowerAt(text, at + offset)) & (GRAMS - 1);
  return gram;
}

function lowerAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 65 && code <= 90 ? code + 32 : code;
}

/** The longest part of a needle that stands around a place of the text, where it is secret. `from`: nothing before this is looked at. */
function runAround(text: string, at: number, from: number, needle: Needle, place: number): Found | undefined {
  let start = at;
  let before = place;
  while (start > from && before > 0 && lowerAt(text, start - 1) === needle.text.charCodeAt(before - 1)) {
    start -= 1;
    before -= 1;
  }
  let end = at;
  let behind = place;
  while (end < text.length && behind < needle.text.length && lowerAt(text, end) === needle.text.charCodeAt(behind)) {
    end += 1;
    behind += 1;
  }
  const length = end - start;
  const isWhole = length === needle.text.length;
  if (length < needle.least) return undefined;
  return isWhole || !isPublic(text, start, end) ? { start, end, isWhole } : undefined;
}

/** Words, as people name their tenants and tasks; random characters have a digit or both cases among so many. */
const WORDS = /^(?:[a-z\s._-]*|[A-Z\s._-]*)$/;

/** Whether a part of a key is no secret: it is words, or stands in an ID (a server that counts its IDs up may make keys in the same way). */
function isPublic(text: string, start: number, end: number): boolean {
  if (WORDS.test(text.slice(start, end))) return true;
  const around = text.slice(Math.max(0, start - 36), end + 36);
  const offset = Math.min(start, 36);
  for (const { index } of around.matchAll(GUID_TEXT))
    if (index <= offset && index + 36 >= offset + end - start) return true;
  return false;
}

/** How a secret may be written by whoever tells of it. */
function spellingsOf(secret: string): readonly (readonly [text: string, spelling: keyof typeof LEAST])[] {
  const sound = secret.replace(/\p{Surrogate}/gu, "\ufffd");
  const inJson = JSON.stringify(secret).slice(1, -1);
  const bytes = Buffer.from(sound);
  const each = (written: (char: string) => string): string => [...sound].map(written).join("");
  const code = (char: string): number => char.codePointAt(0) ?? 0;
  const inJsonByNumber = (char: string): string => `\\u${code(char).toString(16).padStart(4, "0")}`;
  const plain = [
    secret,
    inJson,
    inJson.replaceAll("/", "\\/"),
    // As .NET writes JSON, and with nothing but letters and digits as they are.
    each((char) => (/[+<>&'"`\\]/.test(char) ? inJsonByNumber(char) : char)),
    each((char) => (/[\w]/.test(char) ? char : inJsonByNumber(char))),
    encodeURI(sound),
    encodeURIComponent(sound),
    escapeHtml(sound),
    escapeMarkdown(sound),
    each((char) => (/[\w]/.test(char) ? char : `&#${code(char)};`)),
    each((char) => (/[\w]/.test(char) ? char : `&#x${code(char).toString(16)};`)),
    secret.replaceAll('"', '""'),
  ];
  // What stands before the secret moves it by 0, 1 or 2 bytes; what its neighbours have a part in is left out.
  const inBase64 = [0, 1, 2].flatMap((moved) => {
    const text = Buffer.concat([Buffer.alloc(moved), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const own = text.slice(Math.ceil((moved * 4) / 3), Math.floor(((moved + bytes.length) * 4) / 3));
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const hex = bytes.toString("hex");
  return [
    ...plain.map((text) => [text, "plain"] as const),
    ...inBase64.map((text) => [text, "base64"] as const),
    [hex, "hex"],
    [hex.replace(/../g, "%$&"), "spacedHex"],
    [hex.replace(/..(?!$)/g, "$&:"), "spacedHex"],
  ];
}
