import { EXIT, StopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import {
  DISTURBANCE_NAMES,
  type DisturbanceName,
  disturbance,
  FAULT_NAMES,
  type FaultName,
  isDisturbance,
  type Scope,
  TRAIT_NAMES,
  type TraitName,
  trait,
} from "./faults.js";

/** A disturbance as it was asked for. What is not given: every request of its scope, for as long as the sandbox runs. */
export interface DisturbanceSetting {
  readonly name: DisturbanceName;
  /** The share of the requests that it befalls, from 0 to 1. */
  readonly share?: number | undefined;
  /** Only requests whose task name fits: `*` any text, `?` one character, without regard to case. */
  readonly on?: string | undefined;
  readonly to?: Scope | undefined;
  /** At most so many requests. */
  readonly times?: number | undefined;
  /** Not the first so many. */
  readonly after?: number | undefined;
  /** For `late`: how much later the work is done, in milliseconds. */
  readonly ms?: number | undefined;
  /** One of its forms. */
  readonly as?: string | undefined;
}

/** A trait as it was asked for. */
export interface TraitSetting {
  readonly name: TraitName;
  readonly count?: number | undefined;
  readonly share?: number | undefined;
  readonly pattern?: string | undefined;
  readonly as?: string | undefined;
}

export type FaultSetting = DisturbanceSetting | TraitSetting;

export function isDisturbanceSetting(setting: FaultSetting): setting is DisturbanceSetting {
  return isDisturbance(setting.name);
}

const SCOPES: readonly Scope[] = ["all", "reads", "lists", "writes", "creates", "patches"];

/**
 * Reads one `--fault`: `NAME[=ARGUMENT][,KEY=VALUE…]`. `cut-after=0.1` a share, `expire-key=100` a count,
 * `forbid-tenant=*acme*` a pattern, `no-list=403` a form; the keys of a disturbance are `on to times after ms as`, a trait's
 * is `as`. Throws a StopError (exit 2) that names what is wrong.
 */
export function parseFault(text: string): FaultSetting {
  const [head = "", ...rest] = text.split(",");
  const [name = "", argument] = splitOnce(head);
  const known = FAULT_NAMES.find((candidate) => candidate === name);
  if (known === undefined) throw unknownFault(name);
  const keys = new Map(rest.map((pair) => splitOnce(pair)));
  const setting = isDisturbance(known)
    ? disturbanceSetting(known, argument, keys)
    : traitSetting(known, argument, keys.get("as"));
  const allowed = isDisturbance(known) ? ["on", "to", "times", "after", "ms", "as"] : ["as"];
  for (const key of keys.keys())
    if (!allowed.includes(key)) throw wrong(known, `"${key}" is none of its keys: ${allowed.join(", ")}`);
  checkFault(setting);
  return setting;
}

/** Throws a StopError (exit 2) where a setting cannot be carried out. For settings that were not read from text, too. */
export function checkFault(setting: FaultSetting): void {
  const { name } = setting;
  if (isDisturbanceSetting(setting)) checkDisturbance(setting);
  else checkTrait(setting);
  if (setting.share !== undefined && !(setting.share >= 0 && setting.share <= 1))
    throw wrong(name, "a share is a number from 0 to 1");
  const forms = formsOf(name);
  if (setting.as !== undefined && !forms.includes(setting.as))
    throw wrong(name, forms.length === 0 ? "it has no forms" : `its forms are ${forms.join(", ")}`);
}

/** The forms of a fault by name; none where it has only one. */
export function formsOf(name: FaultName): readonly string[] {
  return isDisturbance(name) ? Object.keys(disturbance(name).forms) : (trait(name).forms ?? []);
}

/** The table for `sandbox --help`: a line each, the name as it is typed and what it does. */
export function faultLines(): readonly string[] {
  const rows = [
    ...DISTURBANCE_NAMES.map((name) => {
      const forms = formsOf(name);
      const random = disturbance(name).random ? "*" : " ";
      return {
        typed: `${random} ${name}[=SHARE]`,
        told: disturbance(name).summary,
        forms: forms.length > 1 ? forms : [],
      };
    }),
    ...TRAIT_NAMES.map((name) => ({ typed: `  ${typedTrait(name)}`, told: trait(name).summary, forms: formsOf(name) })),
  ];
  const width = Math.max(...rows.map((row) => row.typed.length));
  return [
    ...rows.map(
      (row) => `${row.typed.padEnd(width)}  ${row.told}${row.forms.length > 0 ? ` [${row.forms.join(" | ")}]` : ""}`,
    ),
    "",
    "* drawn by --chaos. A disturbance may be aimed: cut-after=0.5,on=*acme*,to=creates,times=3,after=10,as=FORM;",
    `  to: ${SCOPES.join(", ")}`,
  ];
}

function typedTrait(name: TraitName): string {
  const { argument, usual } = trait(name);
  if (argument === "none") return name;
  const word = argument.toUpperCase();
  return argument === "form" || usual !== undefined ? `${name}[=${word}]` : `${name}=${word}`;
}

function disturbanceSetting(
  name: DisturbanceName,
  argument: string | undefined,
  keys: ReadonlyMap<string, string | undefined>,
): DisturbanceSetting {
  const to = keys.get("to");
  const scope = SCOPES.find((candidate) => candidate === to);
  if (to !== undefined && scope === undefined) throw wrong(name, `"to" is one of ${SCOPES.join(", ")}`);
  return {
    name,
    share: argument === undefined ? undefined : asNumber(name, argument),
    on: keys.get("on"),
    to: scope,
    times: whole(name, "times", keys.get("times")),
    after: whole(name, "after", keys.get("after")),
    ms: whole(name, "ms", keys.get("ms")),
    as: keys.get("as"),
  };
}

function traitSetting(name: TraitName, argument: string | undefined, as: string | undefined): TraitSetting {
  const kind = trait(name).argument;
  if (argument === undefined) return { name, as };
  switch (kind) {
    case "none":
      throw wrong(name, "it takes no argument");
    case "form":
      return { name, as: argument };
    case "count":
      return { name, as, count: whole(name, "its argument", argument) };
    case "share":
      return { name, as, share: asNumber(name, argument) };
    case "pattern":
      return { name, as, pattern: argument };
    default:
      return kind satisfies never;
  }
}

function checkDisturbance(setting: DisturbanceSetting): void {
  const { within } = disturbance(setting.name);
  const { to, name, ms } = setting;
  if (ms !== undefined && name !== "late") throw wrong(name, `"ms" is for late only`);
  if (to === undefined || within === undefined || to === within) return;
  if (within === "writes" && (to === "creates" || to === "patches")) return;
  throw wrong(name, `it can befall ${within} only`);
}

function checkTrait(setting: TraitSetting): void {
  const { argument, usual } = trait(setting.name);
  if (argument === "count" && setting.count === undefined && usual === undefined)
    throw wrong(setting.name, "it needs a number");
  if (argument === "pattern" && (setting.pattern ?? "") === "") throw wrong(setting.name, "it needs a pattern");
}

function splitOnce(pair: string): readonly [string, string | undefined] {
  const at = pair.indexOf("=");
  return at < 0 ? [pair.trim(), undefined] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}

function asNumber(name: FaultName, text: string): number {
  if (!/^\d*\.?\d+$/.test(text)) throw wrong(name, `"${text}" is no number`);
  return Number(text);
}

function whole(name: FaultName, what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw wrong(name, `${what} must be a whole number`);
  return Number(text);
}

function unknownFault(name: string): StopError {
  const near = nearestSpellings(name, FAULT_NAMES);
  return new StopError(EXIT.usage, {
    code: "FAULT_UNKNOWN",
    message: `the sandbox knows no fault "${name}"`,
    hint: near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It knows: ${FAULT_NAMES.join(", ")}`,
    value: name,
  });
}

function wrong(name: FaultName, why: string): StopError {
  return new StopError(EXIT.usage, {
    code: "FAULT_WRONG",
    message: `the fault ${name} cannot be set so: ${why}`,
    hint: `${name}: ${isDisturbance(name) ? disturbance(name).summary : trait(name).summary}`,
  });
}
