import { StopError } from "../shared/problems.js";

/** A step that came to its end, or what stopped it. For a command that goes on with what does not need the step. */
export type Attempt<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "stopped"; readonly stop: StopError };

/** Takes a step; only a {@link StopError} is caught. */
export async function attempt<T>(step: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: "done", value: await step() };
  } catch (error) {
    if (error instanceof StopError) return { kind: "stopped", stop: error };
    throw error;
  }
}
