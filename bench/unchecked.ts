/**
 * What the program does outwardly, and nothing that makes it safe: reads the manifest, lists the tasks, writes an intent and an
 * outcome of the program's own fields and digests for each create, lists again and counts. No check of a row, no guard, no state,
 * no resume, no time limit, no doubt. Shows what of the program's time against the bare loop is the work itself.
 * Usage: unchecked URL MANIFEST LOG IN_FLIGHT
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, fdatasync, openSync, readFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { parse } from "csv-parse/sync";
import pLimit from "p-limit";
import { Pool } from "undici";
import { GroupCommit } from "../src/log/group-commit.js";
import { bodyFor, copyName, duplicatePath, KEY, MASTER_APP, REPORT, SOURCE_ROW, SOURCE_TASK } from "./world.js";

interface Row {
  readonly tenant: string;
  readonly newQlikAppId: string;
}

const [url = "", manifest = "", log = "", inFlight = "1"] = process.argv.slice(2);
const PAGE = 5000;
const run = randomUUID();
const pool = new Pool(url, { connections: Number(inFlight), pipelining: 1 });
const slots = pLimit(Number(inFlight));
const flush = promisify(fdatasync);
const fd = openSync(log, "ax");
const copies = new Map<string, string>();
let seq = 0;
let digest = "";
const groups = new GroupCommit<object>(async (entries) => {
  const at = new Date().toISOString();
  const synced = seq;
  writeSync(fd, entries.map((entry) => lineOf({ v: 1, seq: ++seq, at, run, ...entry, synced })).join(""));
  await flush(fd);
});

function lineOf(record: object): string {
  const text = JSON.stringify(record);
  digest = createHash("sha256").update(digest).update(text).digest("hex");
  return `${text.slice(0, -1)},"digest":"${digest}"}\n`;
}

async function ask(method: "GET" | "POST", path: string, write?: { readonly body: string; readonly key: string }) {
  const answer = await pool.request({
    path,
    method,
    headers: {
      accept: "application/json",
      "user-agent": "unchecked",
      authorization: `Bearer ${KEY}`,
      "x-request-id": randomUUID(),
      ...(write && { "content-type": "application/json", "idempotency-key": write.key }),
    },
    body: write?.body ?? null,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`);
  return JSON.parse(text).data;
}

async function list(): Promise<ReadonlyMap<string, string>> {
  const listed = new Map<string, string>();
  for (let page = 1; listed.size === (page - 1) * PAGE; page += 1)
    for (const { id, name } of await ask("GET", `/api/v2/tasks?page=${page}&page_size=${PAGE}`)) listed.set(id, name);
  return listed;
}

async function create({ tenant, newQlikAppId }: Row): Promise<void> {
  const name = copyName(tenant);
  const write = randomUUID();
  const body = bodyFor(tenant, newQlikAppId);
  const intent = {
    type: "create-intent",
    write,
    sourceTaskId: SOURCE_TASK,
    key: tenant,
    tenant,
    manifest: "tenants.csv",
    name,
    mappings: [{ reportId: REPORT, qlikAppId: MASTER_APP, newQlikAppId }],
    reports: [{ rowId: SOURCE_ROW, reportId: REPORT }],
    reportIdMode: "row",
    named: [],
    idempotencyKey: write,
    before: [],
    attempt: 1,
  };
  const newTaskId = await slots(async () => {
    await groups.add([intent]);
    return await ask("POST", duplicatePath(), { body, key: write });
  });
  copies.set(newTaskId, name);
  await groups.add([{ type: "create-outcome", write, outcome: "succeeded", newTaskId }]);
}

async function main(): Promise<void> {
  const rows: readonly Row[] = parse(readFileSync(manifest), { columns: true });
  await ask("GET", `/api/v2/tasks/${SOURCE_TASK}/reports`);
  const before = new Set((await list()).values());
  const wanted = rows.filter(({ tenant }) => !before.has(copyName(tenant))).values();
  const work = async (): Promise<void> => {
    for (const row of wanted) await create(row);
  };
  // A slot is free again while its outcome is flushed, as in the program itself.
  await Promise.all(Array.from({ length: Number(inFlight) * 2 }, work));
  const after = await list();
  const shown = [...copies].filter(([id, name]) => after.get(id) === name).length;
  await pool.close();
  closeSync(fd);
  console.log(`${shown} of ${rows.length} copies are listed`);
}

void main();
