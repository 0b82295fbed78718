import { normalGuid } from "../shared/ids.js";
import { keptValue, quote } from "../shared/quotation.js";
import { nearestSpellings } from "../shared/spelling.js";
import type { GivenOptions } from "./given-options.js";
import type { OptionSpec } from "./option-spec.js";
import { didYouMean } from "./suggestion.js";

type Named = Pick<OptionSpec, "long">;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000 } as const;
const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m)$/i;
const A_DAY_MS = 24 * 60 * UNIT_MS.m;

/** A duration in milliseconds (`500ms`, `30s`, `1.5m`), or `undefined` where the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text.trim());
  if (match === null) return undefined;
  const unit = match[2]?.toLowerCase();
  const factor = unit === "ms" ? UNIT_MS.ms : unit === "s" ? UNIT_MS.s : UNIT_MS.m;
  return Math.round(Number(match[1]) * factor);
}

/** Keeps the fault of an option's value; there is no value then. */
export function refuseValue(
  given: GivenOptions,
  option: Named,
  found: { readonly text: string; readonly hint: string },
): undefined {
  given.refuse({
    code: "OPTION_VALUE",
    message: `${option.long} cannot be ${quote(found.text)}`,
    hint: found.hint,
    value: keptValue(found.text),
  });
  return undefined;
}

/** A duration option in milliseconds; a number without a unit is a fault, for it could mean seconds as well. */
export function durationOption(given: GivenOptions, option: Named, leastMs: number): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= leastMs && ms <= A_DAY_MS) return ms;
  const hint =
    ms === undefined
      ? `Write it as a number and a unit: ${option.long} 500ms, ${option.long} 30s or ${option.long} 2m`
      : `It is from ${leastMs}ms to ${A_DAY_MS / UNIT_MS.m}m`;
  return refuseValue(given, option, { text, hint });
}

/** How large a whole number may be. */
export interface Range {
  readonly least: number;
  readonly most?: number | undefined;
}

/** An option that is a whole number. */
export function integerOption(given: GivenOptions, option: Named, { least, most }: Range): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= least && number <= (most ?? number)) return number;
  const range = most === undefined ? `from ${least} up` : `from ${least} to ${most}`;
  return refuseValue(given, option, { text, hint: `Give ${option.long} a whole number ${range}` });
}

const DECIMAL = /^(?:\d+(?:\.\d+)?|\.\d+)$/;

/** An option that is a number of requests a second: more than 0, fractions allowed. */
export function rateOption(given: GivenOptions, option: Named): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const number = DECIMAL.test(text.trim()) ? Number(text) : Number.NaN;
  if (number > 0 && Number.isFinite(number)) return number;
  return refuseValue(given, option, {
    text,
    hint: `Give ${option.long} a number above 0: ${option.long} 10, ${option.long} 0.5`,
  });
}

/** An option that is a share from 0 to 1. */
export function shareOption(given: GivenOptions, option: Named): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const number = DECIMAL.test(text.trim()) ? Number(text) : Number.NaN;
  if (number >= 0 && number <= 1) return number;
  return refuseValue(given, option, { text, hint: `Give ${option.long} a number from 0 to 1: ${option.long} 0.2` });
}

/** An option that is an ID, in its normal form. */
export function guidOption(given: GivenOptions, option: Named): string | undefined {
  const text = given.text(option);
  return text === undefined ? undefined : guidOf(given, option, text);
}

/** A repeatable option that is an ID, each in its normal form and once. */
export function guidOptions(given: GivenOptions, option: Named): readonly string[] {
  return [...new Set(given.texts(option).flatMap((text) => guidOf(given, option, text) ?? []))];
}

function guidOf(given: GivenOptions, option: Named, text: string): string | undefined {
  return (
    normalGuid(text) ?? refuseValue(given, option, { text, hint: `Give ${option.long} an ID such as ${EXAMPLE_GUID}` })
  );
}

const EXAMPLE_GUID = "5f0c6a1e-0000-4000-8000-000000000001";

/** An option that is one of a few words. */
export function choiceOption<Choice extends string>(
  given: GivenOptions,
  option: Named,
  choices: readonly Choice[],
): Choice | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  const near = didYouMean(nearestSpellings(text.toLowerCase(), choices));
  return refuseValue(given, option, {
    text,
    hint: [near, `It is one of ${choices.join(", ")}`].filter(Boolean).join(" "),
  });
}
