import type { PlanShape } from "../log/records.js";
import { optionWords, SAME, typedBy, withCommands } from "../shared/hints.js";
import { wordsIn } from "../shared/quoting.js";
import type { Host } from "./host.js";
import { OPTIONS } from "./options.js";
import { SHAPING, type TypedLine } from "./settings.js";

/** What the command line left to be found out, and a pasted command has to say. */
export interface FoundOut {
  /** `sync`'s, where it was not typed. */
  readonly manifest?: string | undefined;
  /** As `--idempotency-log` takes it. */
  readonly log?: string | undefined;
  /** With `--resume` and `--plan`: the earlier run's options, which then must be typed. */
  readonly shape?: PlanShape | undefined;
}

/** Options of one run that another run must not repeat; and a command of the user's, which may hold a secret of another program. */
const ONCE = ["--resume", "--plan", "--plan-digest", "--save-plan", "--break-lock", "--rebind", "--sign-head"];
/** The options that a resumed run takes from the run that it finishes. */
const SHAPES: readonly string[] = SHAPING.map((key) => OPTIONS[key].long);
const CONNECTION = [OPTIONS.server, OPTIONS.apiKeyFile, OPTIONS.caFiles, OPTIONS.insecure, OPTIONS.allowHttp].map(
  ({ long }): string => long,
);

/**
 * Completes the commands of a hint and types them for the shell at hand. The rules that make a hint know a tenant and its task; which
 * log, which server and which options were meant, only the command line knows.
 */
export function hintCompleter(
  { argv0, shell }: Pick<Host, "argv0" | "shell">,
  typed: TypedLine,
  { manifest, log, shape }: FoundOut = {},
) {
  const operands = typed.operands.length === 0 && manifest !== undefined ? [manifest] : typed.operands;
  const again = typed.options.filter(([long = ""]) => !ONCE.includes(long)).flat();
  const same = [...operands, ...(shape === undefined ? [] : wordsOfShape(shape)), ...again];
  const unshaped = [...operands, ...typed.options.filter(([long = ""]) => ![...ONCE, ...SHAPES].includes(long)).flat()];
  // Who only looked is not told to write.
  const onlyReads = typed.command === "drift" || typed.command === "doctor";
  const connection = typed.options.filter(([long = ""]) => CONNECTION.includes(long)).flat();
  const completed = (words: readonly string[]): readonly string[] => {
    const [command = "", ...rest] = words;
    if (command === SAME) return [...typed.command.split(" "), ...same, ...rest];
    if (rest[0] === SAME)
      return [
        command,
        ...(rest.includes("--resume") ? unshaped : same),
        ...rest.slice(1),
        ...(onlyReads && !rest.includes("--break-lock") ? ["--dry-run"] : []),
      ];
    if (command === "resolve" && log !== undefined)
      // A task that is taken over is read from the server, and a log that is not there yet is begun for one.
      return [command, "--idempotency-log", log, ...(rest.includes("--forget") ? [] : connection), ...rest];
    return command === "sync" || command === "doctor" ? [...words, ...connection] : words;
  };
  return (hint: string): string =>
    withCommands(hint, (words) => `${argv0} ${typedBy(wordsIn(shell), completed(words))}`);
}

export function wordsOfShape(shape: Partial<PlanShape>): readonly string[] {
  return SHAPING.flatMap((key) => {
    const { long } = OPTIONS[key];
    const value = shape[key];
    if (value === undefined || value === false) return [];
    if (value === true) return [long];
    return [value].flat().flatMap((each) => optionWords(long as `--${string}`, String(each)));
  });
}
