type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the console shows more than ASCII: not Windows' old console, not the kernel's, not a C locale. */
export function showsUnicode(env: Environment, platform: NodeJS.Platform): boolean {
  if (platform === "win32")
    return (
      env.WT_SESSION !== undefined ||
      env.TERM_PROGRAM === "vscode" ||
      env.ConEmuTask === "{cmd::Cmder}" ||
      /^(?:xterm|alacritty|rxvt)/.test(env.TERM ?? "")
    );
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== "");
  return env.TERM !== "linux" && locale !== "C" && locale !== "POSIX";
}
