import { table } from "./figures.js";
import { newFolder, withServer } from "./processes.js";
import { runProgram } from "./throughput.js";

/** A server that answers 429 beyond so many creates a second: how long the program takes, and how long the limit allows. */
export async function limited(cases: readonly { readonly limit: number; readonly tenants: number }[]): Promise<string> {
  const rows = [
    [
      "limit a second",
      "tenants",
      "copies",
      "answers 429",
      "wall s",
      "the limit allows s",
      "throughput of what is allowed",
    ],
  ];
  for (const { limit, tenants } of cases) {
    const folder = newFolder("limit");
    const done = await withServer({ delayMs: 20, limit }, async (server) => {
      const run = await runProgram(server, folder, tenants);
      return { run, ...(await server.counts()) };
    });
    if (done.copies !== tenants) throw new Error(`${done.copies} copies for ${tenants} tenants at the limit`);
    const allowed = tenants / limit;
    const wall = done.run.wallMs / 1000;
    rows.push([
      String(limit),
      tenants.toLocaleString("en"),
      String(done.copies),
      String(done.refused),
      wall.toFixed(1),
      allowed.toFixed(1),
      `${((100 * allowed) / wall).toFixed(0)} %`,
    ]);
  }
  return table(rows);
}
