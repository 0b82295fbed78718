import { EXIT, type Problem, StopError } from "../shared/problems.js";
import type { OptionSpec } from "./option-spec.js";

type Named = Pick<OptionSpec, "long">;

/**
 * What was given on one command line. Settings are read out of it; every fault that is found while reading is kept, so that
 * all of them are told in one go. Made by the program, used up where settings are made.
 */
export class GivenOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #faults: Problem[] = [];
  readonly #warnings: Problem[] = [];

  /** `values`: by long name; an option without a value has an empty list. */
  constructor(values: ReadonlyMap<string, readonly string[]>, env: Readonly<Record<string, string | undefined>>) {
    this.#values = values;
    this.env = env;
  }

  has(option: Named): boolean {
    return this.#values.has(option.long);
  }

  /** The option's value, the last one where it was given more than once. An empty value is a fault. */
  text(option: Named): string | undefined {
    return this.texts(option).at(-1);
  }

  /** All values of an option that may be repeated. */
  texts(option: Named): readonly string[] {
    const values = this.#values.get(option.long) ?? [];
    if (values.every((value) => value.trim() !== "")) return values;
    this.refuse({
      code: "OPTION_VALUE",
      message: `${option.long} was given an empty value`,
      hint: `Give ${option.long} a value, or leave it out`,
    });
    return values.filter((value) => value.trim() !== "");
  }

  /** Keeps a fault; one that is found again, because its option is read twice, is the same fault. */
  refuse(problem: Problem): void {
    if (this.#faults.some((known) => known.message === problem.message)) return;
    this.#faults.push(problem);
  }

  /** Throws all faults found so far, as one StopError (exit 2). */
  throwFaults(): void {
    if (this.#faults.length > 0) throw new StopError(EXIT.usage, this.#faults);
  }

  /** A value that is missing only where a fault was found: then all of them are thrown. Asked for last. */
  sure<T>(value: T | undefined): T {
    this.throwFaults();
    if (value === undefined) throw new Error("a setting is missing and no fault says why");
    return value;
  }

  warn(problem: Problem): void {
    this.#warnings.push(problem);
  }

  /** A live list: what is warned of later is in it too. */
  get warnings(): readonly Problem[] {
    return this.#warnings;
  }
}
