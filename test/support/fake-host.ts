import { Writable } from "node:stream";
import type { Host, OutputStream } from "../../src/commands/host.js";
import { Redactor } from "../../src/shared/redaction.js";

/** A machine of a test's own: what a command writes is kept. */
export interface FakeHost extends Host {
  /** All that was written to standard output, and to standard error. */
  readonly written: { readonly stdout: () => string; readonly stderr: () => string };
}

export interface FakeHostFacts {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export function fakeHost(facts: FakeHostFacts = {}): FakeHost {
  const stdout = keptStream();
  const stderr = keptStream();
  const never = new AbortController().signal;
  return {
    env: facts.env ?? {},
    cwd: facts.cwd ?? "/nowhere",
    input: async function* () {},
    stdout: stdout.stream,
    stderr: stderr.stream,
    platform: process.platform,
    shell: "sh",
    pid: process.pid,
    processExists: () => true,
    version: "1.2.3",
    argv0: "qalyptus-propagate",
    execPath: process.execPath,
    mainPath: "main.js",
    ci: true,
    interruption: () => ({ requested: never, immediate: never, signal: () => "SIGINT" }),
    secrets: new Redactor(),
    written: { stdout: stdout.text, stderr: stderr.text },
  };
}

function keptStream(): { readonly stream: OutputStream; readonly text: () => string } {
  const pieces: string[] = [];
  const write = async (text: string): Promise<void> => {
    pieces.push(text);
  };
  const stream = new Writable({
    write: (piece, _encoding, done) => {
      pieces.push(String(piece));
      done();
    },
  });
  return {
    stream: { isTTY: false, columns: () => undefined, write, isClosed: () => false, stream },
    text: () => pieces.join(""),
  };
}
