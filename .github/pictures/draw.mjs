// npm run pictures: draws the README's pictures anew from the built program's own output, on a sandbox. Needs tmux and Chromium.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { CHROMIUM_FLAGS, findChromium } from "../../test/browser/chromium.mjs";
import { openTerminal, terminalSvg } from "./terminal.mjs";

const PICTURES = dirname(fileURLToPath(import.meta.url));
const PROGRAM = join(PICTURES, "..", "..", "bin", "qalyptus-propagate.js");
const SOURCE_TASK = "aaaaaaaa-0000-4000-8000-000000000001";
const MASTER_APP = "11111111-0000-4000-8000-000000000001";
const KEY = "key-of-the-pictures";
const LARGEST = 300_000;
const COLUMNS = 84;
const OTHERS = ["hooli", "wonka", "cyberdyne", "soylent", "stark", "wayne", "tyrell", "oscorp", "vandelay", "aperture"];
const TODAY = [
  ["acme", 1],
  ["globex", 2],
  ["initech", 3],
  ["umbrella", 90],
  ...OTHERS.map((tenant, at) => [tenant, at + 10]),
];
const STORES = Array.from({ length: 120 }, (_, at) => [`store-${String(at + 1).padStart(3, "0")}`, at + 100]);

const folder = await mkdtemp(join(tmpdir(), "qalyptus-pictures-"));
const ends = [];
try {
  await draw();
} finally {
  for (const end of ends.reverse()) await end();
  await rm(folder, { recursive: true, force: true });
}

async function draw() {
  await mkdir(join(folder, "bin"));
  await symlink(PROGRAM, join(folder, "bin", "qalyptus-propagate"));
  const server = await startSandbox();
  const terminal = openTerminal({
    columns: COLUMNS,
    rows: 40,
    cwd: folder,
    env: {
      PATH: `${join(folder, "bin")}:${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: folder,
      QALYPTUS_API_KEY: KEY,
      QALYPTUS_SERVER: server,
    },
  });
  ends.push(() => terminal.close());

  await nightBefore(terminal, server);
  const plan = await terminal.film("qalyptus-propagate sync customers.csv --dry-run --out before.html");
  await keep(
    "dry-run.svg",
    still(plan, "A dry run: what would be created, updated and left alone, and what is in conflict"),
  );
  await manifest([...TODAY, ...STORES]);
  const sync = await terminal.film("qalyptus-propagate sync customers.csv --out after.html");
  await keep("sync.svg", film(sync, "A sync: the live line, failures as they come, the result and what to do next"));
  const demo = await terminal.film("qalyptus-propagate demo");
  await keep("demo.svg", still(demo, "The demo's end: nothing left to do, and the proof read from the server"));
  await drawPage("after.html");
}

/** Some tenants have their copies already, one of them with an app that it will leave; a person made one task by hand. */
async function nightBefore(terminal, server) {
  await manifest([...["acme", "globex", "initech", "umbrella"].map((tenant, at) => [tenant, at + 1]), ["leaver", 5]]);
  await terminal.film("qalyptus-propagate sync customers.csv -q");
  await fetch(`${server}/api/v2/tasks/${SOURCE_TASK}/duplicate`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ NewName: "Monthly Report - wonka" }),
  });
  await manifest(TODAY);
}

async function manifest(rows) {
  const app = (number) => `22222222-0000-4000-8000-${String(number).padStart(12, "0")}`;
  const lines = rows.map(([tenant, number]) => [tenant, app(number), MASTER_APP, SOURCE_TASK].join(","));
  const text = ["tenant,newQlikAppId,qlikAppId,sourceTaskId", ...lines, ""].join("\n");
  await writeFile(join(folder, "customers.csv"), text);
}

/** A slow sandbox that refuses one tenant and hangs up on another when its work is done. */
async function startSandbox() {
  const faults = ["refuse=1,on=*cyberdyne*,to=creates", "cut-after=1,on=*soylent*,to=creates"];
  const args = [
    "sandbox",
    "--port",
    "0",
    "--key",
    KEY,
    "--latency",
    "160ms",
    ...faults.flatMap((fault) => ["--fault", fault]),
  ];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  ends.push(async () => {
    child.kill("SIGINT");
    if (child.exitCode === null) await once(child, "exit");
  });
  for await (const line of createInterface(child.stdout)) {
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
    if (url !== null) return url[0];
  }
  throw new Error("the sandbox ended before it had said where it is");
}

function still(frames, title) {
  return terminalSvg([{ at: 0, lines: withoutPrompt(frames.at(-1).lines) }], { columns: COLUMNS, title });
}

function film(frames, title) {
  const screens = frames.map(({ at, lines }, index) => ({
    at,
    lines: index === frames.length - 1 ? withoutPrompt(lines) : lines,
  }));
  return terminalSvg(screens, { columns: COLUMNS, title });
}

/** The command's own screen: without the prompt that waits for the next. */
function withoutPrompt(lines) {
  return lines.slice(0, -1);
}

async function drawPage(name) {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error("no Chromium was found: install one, or say where it is in $CHROMIUM");
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  ends.push(() => browser.close());
  for (const colorScheme of ["light", "dark"]) {
    const page = await browser.newPage({ colorScheme, locale: "en", viewport: { width: 1180, height: 1180 } });
    await page.goto(pathToFileURL(join(folder, name)).href);
    await keep(`page-${colorScheme}.png`, await page.screenshot());
    await page.getByRole("searchbox").fill("umbrella");
    await page.getByRole("status").getByText("1 of").waitFor();
    await page.getByRole("button", { name: "umbrella" }).click();
    const card = page.getByRole("region", { name: "Tenants", exact: true });
    await keep(`tenant-${colorScheme}.png`, await card.screenshot());
    await page.close();
  }
}

async function keep(name, content) {
  const path = join(PICTURES, name);
  await writeFile(path, content);
  const { size } = await stat(path);
  process.stdout.write(`${name}: ${Math.ceil(size / 1000)} kB\n`);
  if (size > LARGEST) throw new Error(`${name} is larger than ${LARGEST / 1000} kB`);
}
