import type { CompletionSettings } from "../commands/settings.js";
import { COMMANDS, PROGRAM } from "./command-table.js";
import { bashCompletion } from "./completion-bash.js";
import { fishCompletion } from "./completion-fish.js";
import { powershellCompletion } from "./completion-powershell.js";
import { zshCompletion } from "./completion-zsh.js";

/** The script that teaches a shell this program's commands, options and values; made from the program's own table. */
export function completionScript(shell: CompletionSettings["shell"]): string {
  switch (shell) {
    case "bash":
      return bashCompletion(PROGRAM, COMMANDS);
    case "zsh":
      return zshCompletion(PROGRAM, COMMANDS);
    case "fish":
      return fishCompletion(PROGRAM, COMMANDS);
    case "powershell":
      return powershellCompletion(PROGRAM, COMMANDS);
    default:
      return shell satisfies never;
  }
}
