import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "qalyptus-bundled-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Locked {
  readonly version?: string;
  integrity?: string;
  readonly resolved?: string;
}
interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}
interface Component {
  readonly name: string;
  version: string;
  readonly purl: string;
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
}
interface Bill {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const readJson = <T>(path: string): T => JSON.parse(readFileSync(join(ROOT, path), "utf8")) as T;
const readLock = () => readJson<Lock>("package-lock.json");
const readBill = () => readJson<Bill>("dist/sbom.cdx.json");

describe("package-lock.json", () => {
  const packages = Object.entries(readLock().packages).filter(([path]) => path !== "");

  it("has the digest of every package, those for other systems too: what a registry sends is held against it", () => {
    expect(packages.length).toBeGreaterThan(200);
    expect(packages.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ""))).toEqual([]);
  });

  it("names no registry: whoever installs asks their own", () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });
});

describe("dist/sbom.cdx.json", () => {
  const { components, dependencies } = readBill();

  it("has exactly the packages whose licences are shipped, each with the digest that the lock has", () => {
    const licences = readFileSync(join(ROOT, "dist", "THIRD-PARTY-LICENSES.txt"), "utf8");
    const shipped = [...licences.matchAll(/^-{72}\n(\S+ \S+) \(/gm)].map(([, title]) => title);
    expect(components.map(({ name, version }) => `${name} ${version}`)).toEqual(shipped);
    expect(shipped.length).toBeGreaterThan(20);
    const { packages } = readLock();
    for (const { name, purl, version, hashes } of components) {
      expect(purl).toBe(`pkg:npm/${name}@${version}`);
      const integrity = `sha512-${Buffer.from(hashes[0]?.content ?? "", "hex").toString("base64")}`;
      expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity });
    }
  });

  it("says of each package what it needs, and holds nothing that changes from build to build", () => {
    const refs = new Set(components.map(({ purl }) => purl));
    expect(dependencies).toHaveLength(components.length + 1);
    for (const needed of dependencies.flatMap(({ dependsOn }) => dependsOn)) expect(refs).toContain(needed);
    const { version } = readJson<{ version: string }>("package.json");
    const own = dependencies.find(({ ref }) => ref === `pkg:npm/qalyptus-propagate@${version}`);
    expect(own?.dependsOn.map((ref) => ref.replace(/^pkg:npm\/(.*)@.*$/, "$1"))).toContain("undici");
    expect(Object.keys(readBill())).not.toContain("serialNumber");
    expect(readFileSync(join(ROOT, "dist", "sbom.cdx.json"), "utf8")).not.toContain("timestamp");
  });
});

describe.skipIf(process.platform === "win32")("npm run audit:bundle", () => {
  const advisory = { severity: "high", title: "reads too far", url: "https://advisories.example/1" };
  const known = (name: string, via: unknown) => ({
    vulnerabilities: { [name]: { name, nodes: [`node_modules/${name}`], via: [via] } },
  });
  const refused = { message: "405 Method Not Allowed", statusCode: 405 };

  it.each<[what: string, answer: unknown, args: string[], code: number, told: RegExp]>([
    ["no advisory", { vulnerabilities: {} }, [], 0, /^\d+ packages are bundled.*\nThe registry knows no vulnerability/],
    ["one for a bundled package", known("undici", advisory), [], 1, /undici \d\S+: high: reads too far/],
    ["one for a package that only builds", known("vitest", advisory), [], 0, /knows no vulnerability/],
    ["what a bundled package needs is vulnerable", known("pg", "left-pad"), [], 0, /knows no vulnerability/],
    ["a registry that does not answer", refused, [], 0, /vulnerabilities were NOT looked for: 405/],
    ["the same, where an answer is wanted", refused, ["--strict"], 1, /vulnerabilities were NOT looked for: 405/],
    ["nothing at all, where an answer is wanted", "", ["--strict"], 1, /NOT looked for: no answer/],
  ])("%s", (_, answer, args, code, told) => {
    expect(audit({ answer, args })).toMatchObject({ code, told: expect.stringMatching(told) });
  });

  it("fails where dist holds another version, or another file, than the lock says", () => {
    const bill = readBill();
    for (const one of bill.components) if (one.name === "zod") one.version = "4.0.0";
    const none = { vulnerabilities: {} };
    expect(audit({ answer: none, bill })).toMatchObject({ code: 1, told: expect.stringContaining("zod 4.0.0 is not") });
    const lock = readLock();
    const undici = lock.packages["node_modules/undici"];
    if (undici !== undefined) undici.integrity = `sha512-${"A".repeat(86)}==`;
    expect(audit({ answer: none, lock })).toMatchObject({ code: 1, told: expect.stringContaining("undici") });
  });

  /** Runs it in a folder of its own, with an npm that answers as told. */
  function audit({
    answer,
    args = [],
    bill = readBill(),
    lock = readLock(),
  }: {
    answer: unknown;
    args?: readonly string[];
    bill?: Bill;
    lock?: Lock;
  }) {
    const programs = join(folder, "programs");
    for (const path of [programs, join(folder, "dist")]) mkdirSync(path, { recursive: true });
    writeFileSync(join(folder, "answer.json"), answer === "" ? "" : JSON.stringify(answer));
    writeFileSync(join(programs, "npm"), `#!/bin/sh\ncat "${join(folder, "answer.json")}"\nexit 1\n`);
    chmodSync(join(programs, "npm"), 0o755);
    writeFileSync(join(folder, "dist", "sbom.cdx.json"), JSON.stringify(bill));
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
    const script = join(ROOT, ".ci", "audit-bundle.mjs");
    const path = [programs, dirname(process.execPath), process.env.PATH].join(delimiter);
    const options = { cwd: folder, encoding: "utf8", env: { ...process.env, PATH: path } } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], options);
    return { code: status, told: stdout + stderr };
  }
});
