import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { StandardStream } from "../../src/cli/program.js";
import { Redactor } from "../../src/shared/redaction.js";

/** A stream that keeps what it is given, or fails with an error code. */
function target(failWith?: string) {
  const pieces: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (failWith !== undefined) return done(Object.assign(new Error(`write ${failWith}`), { code: failWith }));
      pieces.push(chunk.toString());
      return done();
    },
  });
  return { stream, text: () => pieces.join("") };
}

describe("an output of the process", () => {
  it("keeps secrets, however they are written", async () => {
    const { stream, text } = target();
    const redaction = new Redactor();
    const output = new StandardStream(() => stream, redaction);
    redaction.add(' key "of" acme \n');
    await output.write('Bearer key "of" acme, {"key":"key \\"of\\" acme"}\n');
    output.stream.write('drawn: key "of" acme\n');
    await output.flush();
    expect(text()).toBe('Bearer [API key], {"key":"[API key]"}\ndrawn: [API key]\n');
  });

  it("is opened once, and only for who asks", async () => {
    let opened = 0;
    const output = new StandardStream(() => {
      opened += 1;
      return target().stream;
    }, new Redactor());
    await output.flush();
    expect([output.isClosed(), output.hasWritten(), opened]).toEqual([false, false, 0]);
    await output.write("acme\n");
    expect([output.isTTY, opened]).toEqual([false, 1]);
  });

  it("leaves a secret alone that is too short to be one", async () => {
    const { stream, text } = target();
    const redaction = new Redactor();
    redaction.add("");
    redaction.add("acme");
    await new StandardStream(() => stream, redaction).write("acme succeeded\n");
    expect(text()).toBe("acme succeeded\n");
  });

  it("tells whether anything was written: nothing is nothing", async () => {
    const output = new StandardStream(() => target().stream, new Redactor());
    await output.flush();
    expect(output.hasWritten()).toBe(false);
    await output.write("x");
    expect(output.hasWritten()).toBe(true);
  });

  it("goes on quietly where the reader has gone", async () => {
    const output = new StandardStream(() => target("EPIPE").stream, new Redactor());
    await output.write("first\n");
    await output.write("second\n");
    expect(output.stream.write("third\n")).toBe(false);
    expect([output.isClosed(), output.failure()]).toEqual([true, undefined]);
  });

  it("keeps any other failure to be told", async () => {
    const output = new StandardStream(() => target("ENOSPC").stream, new Redactor());
    await output.write("first\n");
    expect(output.failure()).toMatchObject({ code: "ENOSPC" });
  });

  it("has the terminal's width as it is now", () => {
    const terminal = Object.assign(target().stream, { isTTY: true, columns: 80 });
    const output = new StandardStream(() => terminal, new Redactor());
    terminal.columns = 132;
    expect([output.isTTY, output.columns(), output.stream.columns]).toEqual([true, 132, 132]);
  });
});

describe("an output that nobody reads any more, when the program was told to end", () => {
  it("is waited for a moment, also for what was written before, and then taken for closed", async () => {
    const output = new StandardStream(() => new Writable({ write: () => {} }), new Redactor());
    const before = output.write("acme\n");
    output.hurry(5);
    await before;
    await output.write("globex\n");
    await output.flush();
    expect([output.isClosed(), output.failure()]).toEqual([true, undefined]);
  });

  it("is waited for as long as it takes where it is read", async () => {
    const { stream, text } = target();
    const output = new StandardStream(() => stream, new Redactor());
    output.hurry(5);
    await output.write("acme\n");
    expect([output.isClosed(), text()]).toEqual([false, "acme\n"]);
  });
});
