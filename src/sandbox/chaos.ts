import { createHash } from "node:crypto";
import {
  DISTURBANCES,
  type Disturbance,
  type DisturbanceName,
  type Effect,
  type FaultSetting,
  nameTest,
  type Scope,
} from "./faults.js";
import type { CallKind } from "./routes.js";

/** How much later `late` work is done unless a setting says so, in milliseconds. */
const USUAL_LATENESS_MS = 3000;

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
    const bytes = this.#digest(["guid", ...words]);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
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

/** A request as chaos sees it. `key`: method, path and name; the same request sent again has the same key. */
export interface DisturbedCall {
  readonly kind: CallKind;
  readonly key: string;
  readonly name: string;
}

/** A fault that befalls one request. */
export interface Befallen {
  readonly fault: DisturbanceName;
  readonly effect: Effect;
  readonly lateMs: number;
}

type DisturbanceSetting = FaultSetting & { readonly name: DisturbanceName };

/**
 * Decides what befalls each request. The settings are asked first, in their order; then a share of all requests gets one of
 * the faults that may be drawn. The same seed gives the same faults to the same requests, in whatever order they come.
 */
export class Chaos {
  readonly #chance: SeededChance;
  readonly #share: number;
  /** Each setting, how many requests of its aim it has seen, and how many it befell. */
  readonly #aimed: readonly { readonly setting: DisturbanceSetting; seen: number; befell: number }[];
  readonly #sent = new Map<string, number>();

  constructor(chance: SeededChance, share: number, settings: readonly FaultSetting[]) {
    this.#chance = chance;
    this.#share = share;
    this.#aimed = settings.flatMap((setting) =>
      isDisturbanceSetting(setting) ? [{ setting, seen: 0, befell: 0 }] : [],
    );
  }

  /** What befalls this request; `undefined`: nothing. Counts it. */
  next(call: DisturbedCall): Befallen | undefined {
    const nth = (this.#sent.get(call.key) ?? 0) + 1;
    this.#sent.set(call.key, nth);
    const words = [call.key, nth];
    for (const [index, aimed] of this.#aimed.entries())
      if (this.#befalls(aimed, call, [...words, index])) return this.#befallen(aimed.setting, words);
    if (this.#chance.fraction("chaos", ...words) >= this.#share) return undefined;
    const drawable = (Object.entries(DISTURBANCES) as [DisturbanceName, Disturbance][])
      .filter(([, { random, to }]) => random && isWithin(call.kind, to))
      .map(([name]) => name);
    const name = this.#chance.pick(drawable, "fault", ...words);
    return name === undefined ? undefined : this.#befallen({ name }, words);
  }

  #befalls(
    aimed: { readonly setting: DisturbanceSetting; seen: number; befell: number },
    call: DisturbedCall,
    words: readonly (string | number)[],
  ): boolean {
    const { name, to, on = "*", after = 0, times = Number.POSITIVE_INFINITY, share = 1 } = aimed.setting;
    if (!isWithin(call.kind, to ?? DISTURBANCES[name].to) || !nameTest(on)(call.name)) return false;
    aimed.seen += 1;
    if (aimed.seen <= after || aimed.befell >= times) return false;
    if (this.#chance.fraction("setting", ...words) >= share) return false;
    aimed.befell += 1;
    return true;
  }

  #befallen({ name, as, ms }: DisturbanceSetting, words: readonly (string | number)[]): Befallen {
    const forms: Readonly<Record<string, Effect>> = DISTURBANCES[name].forms;
    const form = as ?? this.#chance.pick(Object.keys(forms), "form", ...words) ?? "";
    const effect = forms[form];
    if (effect === undefined) throw new Error(`the fault ${name} has no form "${form}"`);
    return { fault: name, effect, lateMs: ms ?? USUAL_LATENESS_MS };
  }
}

export function isDisturbanceSetting(setting: FaultSetting): setting is DisturbanceSetting {
  return setting.name in DISTURBANCES;
}

const KINDS: Readonly<Record<Scope, (kind: CallKind) => boolean>> = {
  all: () => true,
  reads: (kind) => kind !== "duplicate" && kind !== "patch",
  lists: (kind) => kind === "list",
  writes: (kind) => kind === "duplicate" || kind === "patch",
  creates: (kind) => kind === "duplicate",
  patches: (kind) => kind === "patch",
};

function isWithin(kind: CallKind, scope: Scope): boolean {
  return KINDS[scope](kind);
}
