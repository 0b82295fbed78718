/** What decides about colour on one stream, as the start of the program found it. */
export interface ColourFacts {
  readonly isTTY: boolean;
  /** `--no-color`. */
  readonly noColorFlag: boolean;
  /** The environment's `NO_COLOR`, `FORCE_COLOR`, `CI`, `TERM`, `COLORTERM`. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type ColourLevel = 0 | 1 | 2 | 3;

type Paint = (text: string) => string;

/** Text painted for one stream; every paint returns its text unchanged where the stream has no colour. */
export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly doubt: Paint;
  readonly change: Paint;
  readonly accent: Paint;
}

const asIs: Paint = (text) => text;

/** No colour at all. */
export const PLAIN: Palette = {
  bold: asIs,
  dim: asIs,
  good: asIs,
  bad: asIs,
  doubt: asIs,
  change: asIs,
  accent: asIs,
};

/**
 * How much colour one stream gets: `--no-color` and a `NO_COLOR` that is not empty win, then `FORCE_COLOR` (0 to 3, `true`,
 * `false`), else a terminal that is not dumb has colour, and a CI system or a file has none.
 */
export function colourLevel(facts: ColourFacts): ColourLevel {
  const { env } = facts;
  if (facts.noColorFlag || (env.NO_COLOR !== undefined && env.NO_COLOR !== "")) return 0;
  if (env.FORCE_COLOR !== undefined) return forcedLevel(env.FORCE_COLOR);
  if (!facts.isTTY || isCi(env) || env.TERM === "dumb") return 0;
  if (env.COLORTERM === "truecolor" || env.COLORTERM === "24bit") return 3;
  return env.TERM?.endsWith("256color") ? 2 : 1;
}

/** Whether the environment says that no person watches. */
export function isCi(env: ColourFacts["env"]): boolean {
  return env.CI !== undefined && env.CI !== "" && env.CI !== "0" && env.CI.toLowerCase() !== "false";
}

function forcedLevel(value: string): ColourLevel {
  switch (value.toLowerCase()) {
    case "0":
    case "false":
      return 0;
    case "2":
      return 2;
    case "3":
      return 3;
    default:
      return 1;
  }
}

/** The palette for a level; chalk is loaded only where there is colour. */
export async function loadPalette(level: ColourLevel): Promise<Palette> {
  if (level === 0) return PLAIN;
  const { Chalk } = await import("chalk");
  const chalk = new Chalk({ level });
  return {
    bold: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    good: (text) => chalk.green(text),
    bad: (text) => chalk.red(text),
    doubt: (text) => chalk.magenta(text),
    change: (text) => chalk.yellow(text),
    accent: (text) => chalk.cyan(text),
  };
}
