/**
 * What `npm run bench` does: measures, prints, and writes RESULTS.md. With `--smoke` everything once, in the small, and nothing is
 * written: proof that it works. With section names (`throughput`, `startup`, `database`, `scale`, `limit`, `peers`) only those, unwritten too.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { database } from "./database.js";
import { median, table } from "./figures.js";
import { limited } from "./limit.js";
import { peers } from "./peers.js";
import { FOLDER, RESULTS, run } from "./processes.js";
import { scale } from "./scale.js";
import { startUp } from "./startup.js";
import { IN_FLIGHT, throughput } from "./throughput.js";

interface Section {
  readonly name: string;
  readonly text: string;
  readonly measure: (smoke: boolean) => Promise<string>;
}

const SECTIONS: readonly Section[] = [
  {
    name: "startup",
    text: "## Start-up\n\nWhole processes, in turn; `NODE_EXTRA_CA_CERTS` taken out. To be held: `--version` 1.4, `--help` 1.6, the dry run 4.",
    measure: (smoke) => startUp(smoke ? 1 : 31),
  },
  {
    name: "throughput",
    text: `## Throughput\n\n${IN_FLIGHT} requests in flight, whole processes in turn, each with a server of its own. The floor is a bare loop of undici without a log; the floor with log is the same loop with this program's group commit: intent, request, outcome, each awaited, in as many workers as requests. Overlapped, a request's slot is free again while its outcome is flushed, which is how the program does it; it is shown for comparison. The work, unchecked, does besides what the program does outwardly (reads the manifest, lists the tasks before and after, writes the same records with their digests) and nothing that makes it safe: what the program takes beyond it is what its promise costs. The program also checks, guards, reads its first copy back and says what it did. To be held: 10,000 tenants at 20 ms within 1.10 of the floor, at 0 ms within 1.7 of the work, unchecked.`,
    measure: (smoke) =>
      throughput(
        smoke
          ? [{ delayMs: 1, tenants: 40, rounds: 1 }]
          : [
              { delayMs: 20, tenants: 1000, rounds: 5 },
              { delayMs: 20, tenants: 10_000, rounds: 3 },
              { delayMs: 0, tenants: 1000, rounds: 5 },
              { delayMs: 0, tenants: 10_000, rounds: 7 },
            ],
      ),
  },
  {
    name: "database",
    text: "## The log in PostgreSQL\n\nFile and database in turn, 16 requests in flight. To be held: 1.15 of the run with a file; 100,000 records opened in 3 s.",
    measure: (smoke) =>
      database(
        smoke
          ? { delayMs: 1, tenants: 40, rounds: 1, records: 400 }
          : { delayMs: 20, tenants: 10_000, rounds: 3, records: 100_000 },
      ),
  },
  {
    name: "limit",
    text: "## A server with a limit\n\nIt answers 429, without `Retry-After`, to what goes beyond so many creates in one second of its clock; else after 20 ms. No tenant may be lost, and three quarters of what the limit allows are to be reached, without any setting.",
    measure: (smoke) =>
      limited(
        smoke
          ? [{ limit: 50, tenants: 60 }]
          : [
              { limit: 20, tenants: 300 },
              { limit: 100, tenants: 1500 },
              { limit: 300, tenants: 4500 },
            ],
      ),
  },
  {
    name: "scale",
    text: "## Scale\n\nWhole processes, each in a heap of 512 MB. What is kept of each tenant is its row, its plan, its result and its state in the log; of each listed task its ID and name. So memory grows with the manifest, the log's tenants and the list, and with nothing else; the peak holds garbage besides.",
    measure: (smoke) =>
      scale(
        smoke
          ? { manifests: [200], records: 400, listed: 120, synced: 40 }
          : { manifests: [20_000, 200_000], records: 400_000, listed: 100_000, synced: 100_000 },
      ),
  },
  {
    name: "peers",
    text: "## What people would use instead\n\n1,000 tenants at 20 ms. None of them lists, checks, looks up or verifies anything.",
    measure: (smoke) => peers(smoke ? 20 : 1000),
  },
];

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const smoke = words.includes("--smoke");
  const named = words.filter((word) => word !== "--smoke");
  const unknown = named.filter((word) => !SECTIONS.some(({ name }) => name === word));
  if (unknown.length > 0)
    throw new Error(`no section ${unknown.join(", ")}: ${SECTIONS.map(({ name }) => name).join(", ")}`);
  const sections = SECTIONS.filter(({ name }) => named.length === 0 || named.includes(name));
  const parts = [smoke ? "# Smoke run" : await heading()];
  console.log(`${parts[0]}\n`);
  for (const { text, measure } of sections) {
    const part = `${text}\n\n${await measure(smoke)}`;
    console.log(`${part}\n`);
    parts.push(part);
  }
  if (!smoke && named.length === 0) writeFileSync(RESULTS, `${parts.join("\n\n")}\n`);
}

async function heading(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(RESULTS, "..", "..", "package.json"), "utf8"));
  const [processor] = cpus();
  const rows = [
    ["", ""],
    ["date", new Date().toISOString().slice(0, 16).replace("T", " ")],
    ["machine", `${cpus().length} × ${processor?.model ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GB`],
    ["system", `${process.platform} ${release()} ${process.arch}`],
    [
      "load before",
      loadavg()
        .map((load) => load.toFixed(2))
        .join(", "),
    ],
    ["Node", process.version],
    ["this program", version],
    ["curl", (await firstLine("curl --version")) ?? "none"],
    ["one fdatasync", `${flushMs().toFixed(2)} ms (median of 100)`],
  ];
  const busy = (loadavg()[0] ?? 0) > 1 ? " **The machine was not idle: these numbers are an upper bound.**" : "";
  return `# Results of \`npm run bench\`\n\nMedians, with the least and the greatest in brackets.${busy}\n\n${table(rows)}`;
}

async function firstLine(line: string): Promise<string | undefined> {
  try {
    return (await run({ command: "sh", args: ["-c", line] })).stdout.split("\n")[0];
  } catch {
    return undefined;
  }
}

function flushMs(): number {
  const fd = openSync(join(FOLDER, "flush"), "a");
  const all = Array.from({ length: 100 }, () => {
    const begun = performance.now();
    writeSync(fd, "x".repeat(500));
    fdatasyncSync(fd);
    return performance.now() - begun;
  });
  closeSync(fd);
  return median(all);
}

void main();
