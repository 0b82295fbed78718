/** Reads a log back into what is known of each tenant, as every command does. Usage: read-log LOG */
import { readLogForPlan } from "../src/log/file/idempotency-log-file.js";
import { LogState } from "../src/log/state.js";

const state = new LogState();
let records = 0;
const begun = performance.now();
readLogForPlan(process.argv[2] ?? "", (record) => {
  records += 1;
  state.apply(record, record.run);
});
process.stdout.write(JSON.stringify({ records, ms: Math.round(performance.now() - begun) }));
