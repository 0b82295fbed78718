import { access, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

const LOG = "tenants.csv.idempotency.jsonl";

/** Signs standard input by a key that is in no log, and verifies it: what ssh-keygen or a vault would do. */
const SIGNER = `
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
const [, , what, key] = process.argv;
const made = createHmac("sha256", key).update(readFileSync(0)).digest("base64");
if (what === "sign") console.log(made);
else if (readFileSync(process.env.QALYPTUS_SIGNATURE, "utf8") !== made + "\\n") {
  console.error("the signature is not of this key");
  process.exit(1);
}
if (process.env.QALYPTUS_API_KEY !== undefined) process.exit(2);
`;

async function openSigned(): Promise<Stage> {
  const stage = await openStage();
  await stage.put("signer.mjs", SIGNER);
  await stage.put("tenants.csv", manifestOf(2));
  return stage;
}

const signedBy = (key: string) => ["--sign-head", `node signer.mjs sign ${key}`];
const verify = async (stage: Stage, key = "right") => {
  const args = ["log", "verify", "--format", "json", "--signature", `node signer.mjs verify ${key}`];
  const { code, stdout, stderr } = await stage.run(args);
  return { code, stderr, answer: code === 0 ? JSON.parse(stdout) : undefined };
};

describe("--sign-head", () => {
  test("has each run's end signed; log verify --signature holds the last signature against the log", async () => {
    const stage = await openSigned();
    const { result } = await stage.sync(signedBy("right"));
    expect(result.exitCode).toBe(0);
    const seq = (result.log?.seq ?? 0) - 1;
    expect(await verify(stage)).toMatchObject({ code: 0, answer: { signed: { seq, recordsSince: 0 } } });
    const wrong = await verify(stage, "wrong");
    expect(wrong).toMatchObject({ code: 6, stderr: expect.stringContaining("SIGNATURE_INVALID") });
    expect(wrong.stderr).toContain("the signature is not of this key");

    await stage.put("tenants.csv", manifestOf(3));
    await stage.sync();
    const { answer } = await verify(stage);
    expect(answer.signed.seq).toBe(seq);
    expect(answer.signed.recordsSince).toBe(answer.log.seq - seq - 1);
    expect(answer.signed.recordsSince).toBeGreaterThan(0);

    expect((await stage.run(["resolve", "tenant-1", "--forget", ...signedBy("right")])).code).toBe(0);
    expect(await verify(stage)).toMatchObject({ code: 0, answer: { signed: { recordsSince: 0 } } });
  });

  test("shows a log that was written anew: a signature is good for its own log alone", async () => {
    const [stage, other] = [await openSigned(), await openSigned()];
    await stage.sync(signedBy("right"));
    await other.sync(signedBy("wrong"));
    expect((await verify(stage)).code).toBe(0);
    await writeFile(join(stage.folder, LOG), await readFile(join(other.folder, LOG)));
    expect((await verify(stage)).code).toBe(6);
    await stage.sync(["--idempotency-log", "unsigned.jsonl", "--adopt"]);
    const args = [
      "log",
      "verify",
      "--idempotency-log",
      "unsigned.jsonl",
      "--signature",
      "node signer.mjs verify right",
    ];
    expect(await stage.run(args)).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("nothing in it is signed"),
    });
  });

  test.each([
    ["fails", "node -e \"console.error('no key'); process.exit(3)\"", "it ended with 3, and said: no key"],
    ["writes nothing", 'node -e ""', "it wrote nothing"],
    [
      "writes without end, deaf to SIGTERM",
      "node -e \"process.on('SIGTERM', () => {}); setInterval(() => console.log('x'.repeat(4096)), 1)\"",
      "it wrote more than 8192",
    ],
    ["writes bytes", 'node -e "process.stdout.write(Buffer.from([255, 254]))"', "no text, and not base64"],
    [
      "writes control characters",
      'node -e "process.stdout.write(String.fromCharCode(97, 1))"',
      "no text, and not base64",
    ],
  ])("that %s is told with exit code 6, when all else is done", async (_, command, said) => {
    const stage = await openSigned();
    const { code, result } = await stage.sync(["--sign-head", command]);
    expect(code).toBe(6);
    expect(result).toMatchObject({ exitCode: 6, summary: { succeeded: 2 }, errors: [{ code: "HEAD_NOT_SIGNED" }] });
    expect(result.errors[0]?.message).toContain(said);
    expect((await stage.sync()).result.summary).toMatchObject({ unchanged: 2 });
  });

  test.skipIf(process.platform === "win32")(
    "does not wait for what its command has left behind, and holds no run from a signal",
    async () => {
      const stage = await openSigned();
      const began = performance.now();
      const { code } = await stage.sync(["--sign-head", "cat; sleep 45 &"]);
      expect(code).toBe(0);
      const running = stage.start([
        "sync",
        "tenants.csv",
        ...SHAPE,
        "--sign-head",
        "trap '' TERM; touch begun; sleep 45",
      ]);
      await vi.waitFor(() => access(join(stage.folder, "begun")), { timeout: 20_000 });
      running.child.kill("SIGTERM");
      expect((await running.ended).code).toBe(143);
      expect(performance.now() - began).toBeLessThan(30_000);
      expect((await stage.sync()).code).toBe(0);
    },
  );

  test("is in no hint, for its command may hold a secret", async () => {
    const stage = await openSigned();
    await stage.sync();
    await stage.put("other.csv", manifestOf(1));
    const args = ["sync", "other.csv", ...SHAPE, "--sign-head", "sign --token hunter2", "--out", "out.json"];
    const { code, stderr } = await stage.run(args);
    expect({ code, stderr }).toMatchObject({ code: 6, stderr: expect.stringContaining("sync other.csv") });
    expect(stderr + (await readFile(join(stage.folder, "out.json"), "utf8"))).not.toContain("hunter2");
  });

  test("is not for dry runs", async () => {
    const stage = await openSigned();
    expect((await stage.sync(["-n", ...signedBy("right")])).code).toBe(2);
  });
});
