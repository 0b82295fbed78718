import { HAS_PGBOUNCER, HAS_POSTGRES } from "./postgres.js";

/** Says once what this machine has no program for. */
export function setup(): void {
  const postgres = "Skipped: the tests of a log in PostgreSQL (apt-get install postgresql, or set PGTEST_URL).\n";
  const pooler = "Skipped: the test of a log behind PgBouncer (apt-get install pgbouncer).\n";
  if (!HAS_PGBOUNCER) process.stdout.write(HAS_POSTGRES ? pooler : postgres);
}
