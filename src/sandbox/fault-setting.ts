import { EXIT, problem, StopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import { FAULT_NAMES, type FaultName, type FaultSetting, faultOf, type Scope } from "./faults.js";

const SCOPES: readonly Scope[] = ["all", "reads", "lists", "writes", "creates", "patches"];
const DISTURBANCE_KEYS = ["on", "to", "times", "after", "ms", "as"];

/**
 * Reads one `--fault`: `NAME[=ARGUMENT][,KEY=VALUE…]`. `cut-after=0.1` a share, `expire-key=100` a count,
 * `forbid-tenant=*acme*` a pattern, `no-list=403` a form; the keys of a disturbance are `on to times after ms as`, a trait's
 * is `as`. Throws a StopError (exit 2) that names what is wrong.
 */
export function parseFault(text: string): FaultSetting {
  const [[typed = "", argument], ...pairs] = text.split(",").map((pair) => {
    const [, name = "", value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(pair) ?? [];
    return [name.trim(), value?.trim()] as const;
  }) as [readonly [string, string | undefined], ...(readonly [string, string | undefined])[]];
  const name = FAULT_NAMES.find((candidate) => candidate === typed);
  if (name === undefined) {
    const near = nearestSpellings(typed, FAULT_NAMES);
    const hint = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It knows: ${FAULT_NAMES.join(", ")}`;
    throw new StopError(
      EXIT.usage,
      problem("FAULT_UNKNOWN", `the sandbox knows no fault "${typed}"`, { hint, value: typed }),
    );
  }
  const { trait } = faultOf(name);
  const allowed = trait === undefined ? DISTURBANCE_KEYS : ["as"];
  const odd = pairs.find(([key]) => !allowed.includes(key))?.[0];
  if (odd !== undefined) throw wrong(name, `"${odd}" is none of its keys: ${allowed.join(", ")}`);
  const keys = new Map(pairs);
  const setting: FaultSetting = {
    name,
    ...argumentOf(name, argument),
    ...(keys.has("as") ? { as: keys.get("as") } : {}),
    on: keys.get("on"),
    to: keys.get("to") as Scope | undefined,
    times: whole(name, "times", keys.get("times")),
    after: whole(name, "after", keys.get("after")),
    ms: whole(name, "ms", keys.get("ms")),
  };
  checkFault(setting);
  return setting;
}

function argumentOf(name: FaultName, argument: string | undefined): Partial<FaultSetting> {
  if (argument === undefined) return {};
  const { trait } = faultOf(name);
  const kind = trait === undefined ? "share" : trait.argument;
  if (kind === undefined) throw wrong(name, "it takes no argument");
  if (kind === "form") return { as: argument };
  if (kind === "pattern") return { pattern: argument };
  if (kind === "count") return { count: whole(name, "its argument", argument) };
  if (!/^\d*\.?\d+$/.test(argument)) throw wrong(name, `"${argument}" is no number`);
  return { share: Number(argument) };
}

/** Throws a StopError (exit 2) where a setting cannot be carried out. For settings that were not read from text, too. */
export function checkFault(setting: FaultSetting): void {
  const { name, to, ms, share, as } = setting;
  const { disturbance, trait } = faultOf(name);
  const within = disturbance?.within;
  if (to !== undefined && !SCOPES.includes(to)) throw wrong(name, `"to" is one of ${SCOPES.join(", ")}`);
  if (ms !== undefined && name !== "late") throw wrong(name, `"ms" is for late only`);
  if (
    to !== undefined &&
    within !== undefined &&
    to !== within &&
    !(within === "writes" && /^(creates|patches)$/.test(to))
  )
    throw wrong(name, `it can befall ${within} only`);
  if (trait?.argument === "count" && setting.count === undefined && trait.usual === undefined)
    throw wrong(name, "it needs a number");
  if (trait?.argument === "pattern" && !setting.pattern) throw wrong(name, "it needs a pattern");
  if (share !== undefined && !(share >= 0 && share <= 1)) throw wrong(name, "a share is a number from 0 to 1");
  const forms = formsOf(name);
  if (as !== undefined && !forms.includes(as))
    throw wrong(name, forms.length === 0 ? "it has no forms" : `its forms are ${forms.join(", ")}`);
}

/** The forms of a fault by name; none where it has only one. */
export function formsOf(name: FaultName): readonly string[] {
  const { disturbance, trait } = faultOf(name);
  return disturbance === undefined ? (trait?.forms ?? []) : Object.keys(disturbance.forms);
}

/** The table for `sandbox --help`: a line each, the name as it is typed and what it does. */
export function faultLines(): readonly string[] {
  const rows = FAULT_NAMES.map((name) => {
    const { disturbance, trait } = faultOf(name);
    const forms = formsOf(name).length > (trait === undefined ? 1 : 0) ? ` [${formsOf(name).join(" | ")}]` : "";
    return [
      `${disturbance?.random ? "*" : " "} ${name}${typedArgument(name)}`,
      `${(disturbance ?? trait)?.summary}${forms}`,
    ] as const;
  });
  const width = Math.max(...rows.map(([typed]) => typed.length));
  return [
    ...rows.map(([typed, told]) => `${typed.padEnd(width)}  ${told}`),
    "",
    "* drawn by --chaos. A disturbance may be aimed: cut-after=0.5,on=*acme*,to=creates,times=3,after=10,as=FORM;",
    `  to: ${SCOPES.join(", ")}`,
  ];
}

function typedArgument(name: FaultName): string {
  const { argument, usual } = faultOf(name).trait ?? { argument: "share", usual: 1 };
  if (argument === undefined) return "";
  const word = argument.toUpperCase();
  return argument === "form" || usual !== undefined ? `[=${word}]` : `=${word}`;
}

function whole(name: FaultName, what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw wrong(name, `${what} must be a whole number`);
  return Number(text);
}

function wrong(name: FaultName, why: string): StopError {
  const { disturbance, trait } = faultOf(name);
  const hint = `${name}: ${(disturbance ?? trait)?.summary}`;
  return new StopError(EXIT.usage, problem("FAULT_WRONG", `the fault ${name} cannot be set so: ${why}`, { hint }));
}
