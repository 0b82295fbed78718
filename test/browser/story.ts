import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FIRST_SOURCE_TASK_ID, tenantAppId } from "../../src/sandbox/world.js";
import type { RunResult } from "../../src/shared/results.js";
import { openStage, SHAPE, type Stage } from "../support/stage.js";

/** Names that would like to be more than names. Each has `acme` in it, to be found by. */
export const HOSTILE_NAMES = [
  `acme <img src=x onerror="alert(1)">`,
  `</script><script>alert("acme")</script>`,
  `acme "' onmouseover=alert(2) x='`,
  `acme --></noscript></title><svg onload=alert(3)>`,
  "javascript:alert('acme')",
  "\u05d0\u05db\u05de\u05d4 acme \u05d1\u05e2\u05f4\u05de",
  `acme ${"long-name-".repeat(19)}`,
  "株式会社 acme 👩‍👩‍👧",
] as const;

/** A run's two pages as the built program wrote them, and the same as data. */
export interface Pages {
  readonly planHtml: string;
  readonly plan: RunResult;
  readonly resultHtml: string;
  readonly result: RunResult;
}

const FIRST_NIGHT = ["globex", "umbrella", "initech", "leaver"];

/**
 * Two nights. On the first, four tenants get their copies. By the second, one of them left and its app has an heir, one moved to
 * another app, a person made a task under a name that the run needs, and the server refuses some creates and hangs up on others.
 */
export async function playStory(): Promise<Pages> {
  const stage = await openStage({
    fault: ["refuse=1,on=*refused*,to=creates", "cut-before=1,on=*doubtful*,to=creates"],
  });
  await stage.put("tenants.csv", csv(FIRST_NIGHT.map((tenant, at) => [tenant, at + 1])));
  await stage.sync();
  await fetch(`${stage.sandbox.url}/api/v2/tasks/${FIRST_SOURCE_TASK_ID}/duplicate`, {
    method: "POST",
    headers: { authorization: `Bearer ${stage.sandbox.key}`, "content-type": "application/json" },
    body: JSON.stringify({ NewName: "Monthly Report - taken", OverwriteReportApps: [] }),
  });
  const second: (readonly [string, number])[] = [
    ["globex", 1],
    ["umbrella", 50],
    ["initech", 3],
    ["heir", 4],
    ["taken", 5],
    ...["refused-1", "refused-2", "doubtful-1", "doubtful-2"].map((tenant, at) => [tenant, 10 + at] as const),
    ...HOSTILE_NAMES.map((tenant, at) => [tenant, 20 + at] as const),
    ...Array.from({ length: 20 }, (_, at) => [`new-${at + 1}`, 100 + at] as const),
  ];
  await stage.put("tenants.csv", csv(second));
  return makePages(stage, []);
}

/** Three thousand tenants that have nothing yet. */
export async function playThousands(): Promise<Pages> {
  const stage = await openStage();
  await stage.put("tenants.csv", csv(Array.from({ length: 3000 }, (_, at) => [`tenant-${at + 1}`, at + 1])));
  return makePages(stage, ["--concurrency", "32"]);
}

async function makePages(stage: Stage, args: readonly string[]): Promise<Pages> {
  const shape = ["sync", "tenants.csv", ...SHAPE, "--timeout", "1s", "--settle", "1s", "--retries", "1", ...args];
  await stage.run([...shape, "--dry-run", "--out", "plan.html", "--out", "plan.json"]);
  await stage.run([...shape, "--out", "result.html", "--out", "result.json"]);
  const read = (name: string): Promise<string> => readFile(join(stage.folder, name), "utf8");
  return {
    planHtml: await read("plan.html"),
    plan: JSON.parse(await read("plan.json")) as RunResult,
    resultHtml: await read("result.html"),
    result: JSON.parse(await read("result.json")) as RunResult,
  };
}

function csv(rows: readonly (readonly [string, number])[]): string {
  const lines = rows.map(([tenant, app]) => `"${tenant.replaceAll('"', '""')}",${tenantAppId(app)}`);
  return ["tenant,newQlikAppId", ...lines, ""].join("\n");
}
