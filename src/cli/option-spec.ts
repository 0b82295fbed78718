/** One option as help, parsing, completion and tests read it. */
export interface OptionSpec {
  /** `--settle`: what the option is known by. */
  readonly long: string;
  readonly short?: string | undefined;
  /** The value's name in help (`DURATION`); `undefined`: the option takes none. */
  readonly value?: string | undefined;
  readonly description: string;
  /** The heading that it stands under in help. */
  readonly group: string;
  readonly repeatable?: boolean | undefined;
  readonly choices?: readonly string[] | undefined;
  /** As help says it; the value itself is set where settings are made. */
  readonly default?: string | undefined;
  /** The variable that is read where the option is not given. */
  readonly env?: string | undefined;
  /** The value is a file of this machine: completed as such. */
  readonly file?: boolean | undefined;
}

/** One argument of a command. */
export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly variadic?: boolean | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly file?: boolean | undefined;
}

/** One line to paste, and what it does. */
export interface Example {
  readonly command: string;
  readonly note: string;
}

export type CommandName =
  | "sync"
  | "validate"
  | "status"
  | "resolve"
  | "doctor"
  | "init"
  | "sandbox"
  | "demo"
  | "schema"
  | "completion";

/** One command as help, parsing, completion and tests read it. */
export interface CommandSpec {
  readonly name: CommandName;
  /** The heading that it stands under in the program's help. */
  readonly group: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly description: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
}
