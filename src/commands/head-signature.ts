import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IdempotencyLog } from "../log/port.js";
import type { SignedRecord } from "../log/records.js";
import { EXIT, type StopError, stopError } from "../shared/problems.js";
import { oneLine } from "../shared/text-safety.js";
import type { Host } from "./host.js";

/*
 * A log's chain has no key: whoever can write the log can write all of it anew. A signature of its head, made by a command of the
 * user's (ssh-keygen, cosign, a vault) with a key that the log's writers do not have, shows that.
 */

const LONGEST_WAIT_MS = 60_000;
const LONGEST_ANSWER = 8 * 1024;

type Environment = Host["env"];

/** What a command of the user's gets on standard input: the head as `log verify --head` takes it. */
function headLine({ seq, digest }: SignedRecord["head"]): string {
  return `${seq}:${digest}\n`;
}

/** Has the log's head signed, and keeps the answer as the log's next record. Throws a StopError (exit 6) where it was not. */
export async function signHead(log: IdempotencyLog, command: string, env: Environment): Promise<void> {
  const head = log.head();
  if (head === null) return;
  const { seq, digest } = head;
  const { failure, output } = await runCommand(command, headLine(head), env);
  const signature = output.trim();
  const fault = failure ?? (signature === "" ? "it wrote nothing" : undefined);
  if (fault !== undefined)
    throw stopError(EXIT.log, "HEAD_NOT_SIGNED", `--sign-head did not sign the head ${seq}:${digest}: ${fault}`, {
      file: head.path,
    });
  await log.append([{ type: "signed", head: { seq, digest }, signature }]);
}

/** Holds a log's last signature against its head by a command of the user's. Throws a StopError (exit 6) where it is not good. */
export async function checkSignature(
  path: string,
  { head, signature }: SignedRecord,
  command: string,
  env: Environment,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "qalyptus-signature-"));
  try {
    const file = join(folder, "head.sig");
    await writeFile(file, `${signature}\n`, { mode: 0o600 });
    const { failure } = await runCommand(command, headLine(head), { ...env, QALYPTUS_SIGNATURE: file });
    if (failure !== undefined)
      throw signatureFault(path, `the head ${head.seq}:${head.digest} is not signed: ${failure}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Nothing shows that a log is what was signed. */
export function signatureFault(file: string, message: string): StopError {
  return stopError(EXIT.log, "SIGNATURE_INVALID", `The idempotency log ${file}: ${message}`, { file });
}

/** Runs a command line in the system's shell, without the API key. `failure`: why it did not end with 0. */
async function runCommand(
  command: string,
  input: string,
  { QALYPTUS_API_KEY: _, ...env }: Environment,
): Promise<{ readonly output: string; readonly failure: string | undefined }> {
  const { spawn } = await import("node:child_process");
  const child = spawn(command, { shell: true, env, windowsHide: true, stdio: ["pipe", "pipe", "pipe"] });
  // A command that does not read its input ends as it likes.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  let output = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > LONGEST_ANSWER) giveUp(child);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(0, LONGEST_ANSWER);
  });
  const timer = setTimeout(() => giveUp(child), LONGEST_WAIT_MS);
  try {
    const [code, signal] = await new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once("error", reject).once("close", (...ended) => resolve(ended));
    });
    if (output.length > LONGEST_ANSWER) return { output, failure: `it wrote more than ${LONGEST_ANSWER} characters` };
    if (code === 0) return { output, failure: undefined };
    const how =
      code === null ? `it was ended by ${signal} (it has ${LONGEST_WAIT_MS / 1000} s)` : `it ended with ${code}`;
    return { output, failure: said.trim() === "" ? how : `${how}, and said: ${oneLine(said.trim())}` };
  } finally {
    clearTimeout(timer);
  }
}

/** Ends the shell; what it has started may hold its pipes open for longer. */
function giveUp(child: ChildProcess): void {
  child.kill();
  child.stdout?.destroy();
  child.stderr?.destroy();
}
