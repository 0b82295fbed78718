/** Reads a log back into what is known of each tenant, as every command does. Usage: read-log LOG */
import { readLog } from "../src/log/file/read-log.js";

const begun = performance.now();
void readLog(process.argv[2] ?? "").then(({ head }) => {
  process.stdout.write(JSON.stringify({ records: head?.seq ?? 0, ms: Math.round(performance.now() - begun) }));
});
