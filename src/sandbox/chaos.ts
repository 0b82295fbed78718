import { nameTest } from "./behaviour.js";
import type { SeededChance } from "./chance.js";
import type { DisturbanceSetting } from "./fault-setting.js";
import { DISTURBANCE_NAMES, type DisturbanceName, disturbance, type Effect, type Scope } from "./faults.js";
import type { CallKind } from "./route.js";

/** How much later `late` work is done unless a setting says so, in milliseconds. */
const USUAL_LATENESS_MS = 3000;

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

interface Aimed {
  readonly setting: DisturbanceSetting;
  readonly fits: (name: string) => boolean;
  /** How many requests of its aim it has seen, and how many it befell. */
  seen: number;
  befell: number;
}

/**
 * Decides what befalls each request. The settings are asked first, in their order; then a share of all requests gets one of
 * the faults that may be drawn. The same seed gives the same faults to the same requests, in whatever order they come.
 */
export class Chaos {
  readonly #chance: SeededChance;
  readonly #share: number;
  readonly #aimed: readonly Aimed[];
  readonly #sent = new Map<string, number>();

  constructor(of: { chance: SeededChance; share: number; settings: readonly DisturbanceSetting[] }) {
    this.#chance = of.chance;
    this.#share = of.share;
    this.#aimed = of.settings.map((setting) => ({ setting, fits: nameTest(setting.on ?? "*"), seen: 0, befell: 0 }));
  }

  /** What befalls this request; `undefined`: nothing. Counts it. */
  next(call: DisturbedCall): Befallen | undefined {
    const words = [call.key, this.#count(call.key)];
    for (const [index, aimed] of this.#aimed.entries())
      if (this.#befalls(aimed, call, [...words, index])) return this.#befallen(aimed.setting, words);
    if (this.#chance.fraction("chaos", ...words) >= this.#share) return undefined;
    const drawable = DISTURBANCE_NAMES.filter(
      (name) => disturbance(name).random && isWithin(call.kind, disturbance(name).to),
    );
    const name = this.#chance.pick(drawable, "fault", ...words);
    return name === undefined ? undefined : this.#befallen({ name }, words);
  }

  #count(key: string): number {
    const nth = (this.#sent.get(key) ?? 0) + 1;
    this.#sent.set(key, nth);
    return nth;
  }

  #befalls(aimed: Aimed, call: DisturbedCall, words: readonly (string | number)[]): boolean {
    const { setting } = aimed;
    if (!isWithin(call.kind, setting.to ?? disturbance(setting.name).to) || !aimed.fits(call.name)) return false;
    aimed.seen += 1;
    if (aimed.seen <= (setting.after ?? 0) || aimed.befell >= (setting.times ?? Number.POSITIVE_INFINITY)) return false;
    if (this.#chance.fraction("setting", ...words) >= (setting.share ?? 1)) return false;
    aimed.befell += 1;
    return true;
  }

  #befallen(setting: DisturbanceSetting, words: readonly (string | number)[]): Befallen {
    const { forms } = disturbance(setting.name);
    const form = setting.as ?? this.#chance.pick(Object.keys(forms), "form", ...words) ?? "";
    const effect = forms[form];
    if (effect === undefined) throw new Error(`the fault ${setting.name} has no form "${form}"`);
    return { fault: setting.name, effect, lateMs: setting.ms ?? USUAL_LATENESS_MS };
  }
}

function isWithin(kind: CallKind, scope: Scope): boolean {
  const write = kind === "duplicate" || kind === "patch";
  switch (scope) {
    case "all":
      return true;
    case "reads":
      return !write;
    case "lists":
      return kind === "list";
    case "writes":
      return write;
    case "creates":
      return kind === "duplicate";
    case "patches":
      return kind === "patch";
    default:
      return scope satisfies never;
  }
}
