/** Reads a log back into what is known of each tenant, as every command does. Usage: read-log LOG */
import { readLog } from "../src/log/file/read-log.js";

const begun = performance.now();
const records = (await readLog(process.argv[2] ?? "")).head?.seq ?? 0;
process.stdout.write(JSON.stringify({ records, ms: Math.round(performance.now() - begun) }));
