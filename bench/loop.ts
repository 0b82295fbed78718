/**
 * What the program is held against: `tenants` creates by undici's Pool, as many workers as may be in flight, nothing checked but
 * the status. With a log file each worker writes the intent, sends, and writes the outcome, one after the other, and a record is
 * flushed together with whoever waits (group commit). `overlapped`: a worker's slot is free again while its outcome is flushed, as
 * in the program itself, with twice the workers.
 * Usage: loop URL TENANTS IN_FLIGHT [LOG [overlapped]]
 */
import { closeSync, fdatasync, openSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import pLimit from "p-limit";
import { Pool } from "undici";
import { GroupCommit } from "../src/log/group-commit.js";
import { duplicateBody, duplicatePath, KEY, tenantName } from "./world.js";

const [url = "", tenants = "0", inFlight = "1", log, order] = process.argv.slice(2);
const count = Number(tenants);
const pool = new Pool(url, { connections: Number(inFlight), pipelining: 1 });
const slots = pLimit(Number(inFlight));
const flush = promisify(fdatasync);
const fd = log === undefined ? undefined : openSync(log, "ax");
const groups =
  fd === undefined
    ? undefined
    : new GroupCommit<string>(async (lines) => {
        writeSync(fd, lines.join(""));
        await flush(fd);
      });

async function create(number: number): Promise<void> {
  const body = duplicateBody(number);
  const id = await slots(async () => {
    await groups?.add([`${JSON.stringify({ type: "intent", tenant: tenantName(number), body })}\n`]);
    return await send(body);
  });
  await groups?.add([`${JSON.stringify({ type: "outcome", tenant: tenantName(number), id })}\n`]);
}

async function send(body: string): Promise<string> {
  const answer = await pool.request({
    path: duplicatePath(),
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`);
  return JSON.parse(text).data;
}

let next = 0;
async function work(): Promise<void> {
  while (next < count) {
    next += 1;
    await create(next - 1);
  }
}

async function main(): Promise<void> {
  const workers = Number(inFlight) * (order === "overlapped" ? 2 : 1);
  await Promise.all(Array.from({ length: workers }, work));
  await pool.close();
  if (fd !== undefined) closeSync(fd);
}

void main();
