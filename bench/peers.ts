import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "./figures.js";
import { isInstalled, newFolder, run, withServer } from "./processes.js";
import { IN_FLIGHT, runProgram } from "./throughput.js";
import { duplicateBody, duplicatePath, KEY } from "./world.js";

interface Peer {
  readonly name: string;
  readonly command: string;
  /** Writes what it needs into the folder; a command line for `sh -c`, run there. */
  readonly line: (of: { readonly folder: string; readonly url: string; readonly tenants: number }) => string;
}

const CURL = `curl -sf -o /dev/null -X POST -H 'content-type: application/json' -H 'authorization: Bearer ${KEY}'`;

const PEERS: readonly Peer[] = [
  {
    name: "curl, one after the other",
    command: "curl",
    line: ({ folder, url, tenants }) =>
      `${bodies(folder, tenants)}for f in body-*.json; do ${CURL} --data @$f ${url}; done`,
  },
  {
    name: `xargs -P${IN_FLIGHT} and curl`,
    command: "xargs",
    line: ({ folder, url, tenants }) =>
      `${bodies(folder, tenants)}ls | grep body- | xargs -P${IN_FLIGHT} -I{} ${CURL} --data @{} ${url}`,
  },
  {
    name: "GNU parallel and curl, with a job log",
    command: "parallel",
    line: ({ folder, url, tenants }) =>
      `${bodies(folder, tenants)}ls | grep body- | parallel -j${IN_FLIGHT} --joblog jobs.log "${CURL} --data @{} ${url}"`,
  },
  {
    name: "curl --parallel -K: no log, no checks",
    command: "curl",
    line: ({ folder, url, tenants }) => {
      writeFileSync(join(folder, "curl.conf"), curlConfiguration(url, tenants));
      return `curl -sf --parallel --parallel-max ${IN_FLIGHT} -K curl.conf`;
    },
  },
  {
    name: "newman",
    command: "newman",
    line: ({ folder, url, tenants }) => {
      writeFileSync(join(folder, "collection.json"), collection(url));
      const data = Array.from({ length: tenants }, (_, number) => ({ body: duplicateBody(number) }));
      writeFileSync(join(folder, "data.json"), JSON.stringify(data));
      return "newman run collection.json -d data.json --silent";
    },
  },
];

/** What people would use instead, where it is installed. */
export async function peers(tenants: number): Promise<string> {
  const rows = [["", "wall s"]];
  const missing: string[] = [];
  for (const peer of PEERS) {
    if (!isInstalled(peer.command)) missing.push(peer.name);
    else rows.push([peer.name, await timed((folder, url) => runPeer(peer, { folder, url, tenants }), tenants)]);
  }
  const program = await timed(
    (folder, _url, server) => runProgram(server, folder, tenants).then((done) => done.wallMs),
    tenants,
  );
  rows.push(["this program", program]);
  const left = missing.length === 0 ? "" : `\n\nNot installed here, and left out: ${missing.join("; ")}.`;
  return table(rows) + left;
}

async function runPeer(
  peer: Peer,
  of: { readonly folder: string; readonly url: string; readonly tenants: number },
): Promise<number> {
  const line = peer.line({ ...of, url: of.url + duplicatePath() });
  return (await run({ command: "sh", args: ["-c", `cd '${of.folder}' && ${line}`] })).wallMs;
}

type Work = Parameters<typeof withServer<number>>[1];

async function timed(
  work: (folder: string, url: string, server: Parameters<Work>[0]) => Promise<number>,
  tenants: number,
): Promise<string> {
  const folder = newFolder("peer");
  return withServer({ delayMs: 20 }, async (server) => {
    const wallMs = await work(folder, server.url, server);
    const { copies } = await server.counts();
    if (copies !== tenants) throw new Error(`${copies} copies for ${tenants} tenants`);
    return (wallMs / 1000).toFixed(2);
  });
}

/** One file a tenant; nothing of it is part of the command line. */
function bodies(folder: string, tenants: number): string {
  for (let number = 0; number < tenants; number += 1)
    writeFileSync(join(folder, `body-${number}.json`), duplicateBody(number));
  return "";
}

function curlConfiguration(url: string, tenants: number): string {
  const requests = Array.from({ length: tenants }, (_, number) =>
    [
      `url = "${url}"`,
      'output = "/dev/null"',
      'header = "content-type: application/json"',
      `header = "authorization: Bearer ${KEY}"`,
      `data = ${JSON.stringify(duplicateBody(number))}`,
    ].join("\n"),
  );
  return requests.join("\nnext\n");
}

function collection(url: string): string {
  const header = [
    { key: "content-type", value: "application/json" },
    { key: "authorization", value: `Bearer ${KEY}` },
  ];
  return JSON.stringify({
    info: { name: "bench", schema: "https://schema.getpostman.com/json/collection/v2.1.0/collection.json" },
    item: [{ name: "duplicate", request: { method: "POST", url, header, body: { mode: "raw", raw: "{{body}}" } } }],
  });
}
