import { isUtf8 } from "node:buffer";
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
/** How long what a command wrote before it ended may be on its way. */
const LAST_WORDS_MS = 1_000;
const LONGEST_ANSWER = 8 * 1024;

type Environment = Host["env"];

/** What a command of the user's gets on standard input: the head as `log verify --head` takes it. */
function headLine({ seq, digest }: SignedRecord["head"]): string {
  return `${seq}:${digest}\n`;
}

/**
 * Has the log's head signed, and keeps the answer as the log's next record; not where a signal comes meanwhile, for the next run's
 * signature covers this one's records. Throws a StopError (exit 6) where it was not signed.
 */
export async function signHead(
  log: IdempotencyLog,
  command: string,
  { env, interrupted }: { readonly env: Environment; readonly interrupted?: AbortSignal | undefined },
): Promise<void> {
  const head = log.head();
  if (head === null) return;
  const { seq, digest } = head;
  const { failure, output } = await runCommand(command, headLine(head), { env, interrupted });
  if (interrupted?.aborted) return;
  const signature = output?.trim();
  const fault = failure ?? faultOf(signature);
  if (fault !== undefined || signature === undefined)
    throw stopError(EXIT.log, "HEAD_NOT_SIGNED", `--sign-head did not sign the head ${seq}:${digest}: ${fault}`, {
      file: head.path,
    });
  await log.append([{ type: "signed", head: { seq, digest }, signature }]);
}

/** Why an answer is no signature that a line of JSON can keep; `undefined` of `signature`: its bytes are no UTF-8. */
function faultOf(signature: string | undefined): string | undefined {
  if (signature === "") return "it wrote nothing";
  // Kept as text, it would never be verified again.
  if (signature === undefined || /[^\P{Cc}\t\r\n]/u.test(signature))
    return "it wrote bytes that are no text, and not base64";
  return undefined;
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
    const { failure } = await runCommand(command, headLine(head), { env: { ...env, QALYPTUS_SIGNATURE: file } });
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

/**
 * Runs a command line in the system's shell, without the API key. `output`: `undefined` where it is no UTF-8. `failure`: why it did not end
 * with 0.
 */
async function runCommand(
  command: string,
  input: string,
  { env: { QALYPTUS_API_KEY: _, ...env }, interrupted }: { env: Environment; interrupted?: AbortSignal | undefined },
): Promise<{ readonly output: string | undefined; readonly failure: string | undefined }> {
  const { spawn } = await import("node:child_process");
  const child = spawn(command, { shell: true, env, windowsHide: true, stdio: ["pipe", "pipe", "pipe"] });
  const tooLong = new AbortController();
  const late = AbortSignal.timeout(LONGEST_WAIT_MS);
  // A command that does not read its input ends as it likes.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER) tooLong.abort();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(0, LONGEST_ANSWER);
  });
  const givenUp = AbortSignal.any([tooLong.signal, late, ...(interrupted ? [interrupted] : [])]);
  const code = await endOf(child, givenUp);
  const output = textOf(Buffer.concat(chunks));
  if (tooLong.signal.aborted) return { output, failure: `it wrote more than ${LONGEST_ANSWER} bytes` };
  if (late.aborted) return { output, failure: `it did not end within ${LONGEST_WAIT_MS / 1000} s` };
  if (code === 0) return { output, failure: undefined };
  const how = typeof code === "number" ? `it ended with ${code}` : `it was ended by ${code}`;
  return { output, failure: said.trim() === "" ? how : `${how}, and said: ${oneLine(said.trim())}` };
}

/** Waits until a command has ended; one that is given up is killed, and not waited for: it may be deaf to every other signal. */
async function endOf(child: ChildProcess, givenUp: AbortSignal): Promise<number | NodeJS.Signals | null> {
  const letGo = (): void => {
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const giveUp = (): void => {
        child.kill("SIGKILL");
        child.unref();
        resolve(null);
      };
      if (givenUp.aborted) giveUp();
      givenUp.addEventListener("abort", giveUp, { once: true });
      child.once("error", reject).once("close", (code, signal) => resolve(code ?? signal));
      // What it has started, and left behind, may hold its pipes open for ever.
      child.once("exit", () => {
        timer = setTimeout(letGo, LAST_WORDS_MS);
      });
    });
  } finally {
    clearTimeout(timer);
    letGo();
  }
}

function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}
