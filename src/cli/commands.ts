import type {
  CompletionSettings,
  DemoSettings,
  DoctorSettings,
  InitSettings,
  ResolveSettings,
  SandboxSettings,
  SchemaSettings,
  StatusSettings,
  SyncSettings,
  ValidateSettings,
} from "../commands/settings.js";
import type { Refusal } from "../commands/telling.js";
import type { ExitCode } from "../shared/problems.js";

/**
 * What the commands do. Made by `compose`; called by `main` with settings that are checked and frozen. Each writes its own
 * answer and resolves to the exit code. A StopError that it throws is told by `main`, as errors and as the JSON result.
 */
export interface CommandHandlers {
  sync(settings: SyncSettings): Promise<ExitCode>;
  validate(settings: ValidateSettings): Promise<ExitCode>;
  status(settings: StatusSettings): Promise<ExitCode>;
  resolve(settings: ResolveSettings): Promise<ExitCode>;
  doctor(settings: DoctorSettings): Promise<ExitCode>;
  init(settings: InitSettings): Promise<ExitCode>;
  sandbox(settings: SandboxSettings): Promise<ExitCode>;
  demo(settings: DemoSettings): Promise<ExitCode>;
  schema(settings: SchemaSettings): Promise<ExitCode>;
  /** Writes the `--out` files of a run that could not start, so that no old result is taken for this one's. */
  writeRefusal(refusal: Refusal): Promise<void>;
}

/** One command with its settings. */
export type Invocation =
  | { readonly command: "sync"; readonly settings: SyncSettings }
  | { readonly command: "validate"; readonly settings: ValidateSettings }
  | { readonly command: "status"; readonly settings: StatusSettings }
  | { readonly command: "resolve"; readonly settings: ResolveSettings }
  | { readonly command: "doctor"; readonly settings: DoctorSettings }
  | { readonly command: "init"; readonly settings: InitSettings }
  | { readonly command: "sandbox"; readonly settings: SandboxSettings }
  | { readonly command: "demo"; readonly settings: DemoSettings }
  | { readonly command: "schema"; readonly settings: SchemaSettings }
  | { readonly command: "completion"; readonly settings: CompletionSettings };

/** A command that `compose` carries out: all but `completion`, which needs the program's definition only. */
export type HandledInvocation = Exclude<Invocation, { readonly command: "completion" }>;

/** Hands an invocation to its handler. */
export function runInvocation(handlers: CommandHandlers, invocation: HandledInvocation): Promise<ExitCode> {
  switch (invocation.command) {
    case "sync":
      return handlers.sync(invocation.settings);
    case "validate":
      return handlers.validate(invocation.settings);
    case "status":
      return handlers.status(invocation.settings);
    case "resolve":
      return handlers.resolve(invocation.settings);
    case "doctor":
      return handlers.doctor(invocation.settings);
    case "init":
      return handlers.init(invocation.settings);
    case "sandbox":
      return handlers.sandbox(invocation.settings);
    case "demo":
      return handlers.demo(invocation.settings);
    case "schema":
      return handlers.schema(invocation.settings);
    default:
      return invocation satisfies never;
  }
}
