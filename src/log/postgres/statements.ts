/*
 * The statements of a log in PostgreSQL, each one transaction of its own (but for a copy, which is one in all). Nothing is bound to a session: no advisory lock, no setting
 * that outlives its statement. Whole numbers come as JSON: as floating-point ones `extra_float_digits` would round them.
 */

/**
 * Waits for the disk whatever the role or the database says of `synchronous_commit`; only `remote_apply`, which waits for more, stays.
 * Volatile, and asked for by the statement behind it: so it is carried out.
 */
const DURABLE = `durable AS (SELECT set_config('synchronous_commit',
  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true) AS mode)`;

/** What must be true of a database and its user. */
export const FACTS = `SELECT current_setting('server_version') AS version, current_user AS role,
  pg_is_in_recovery() AS standby, current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
  has_table_privilege('qalyptus_propagate.logs', 'SELECT') AS reads,
  has_table_privilege('qalyptus_propagate.records', 'INSERT') AS appends,
  extract(epoch FROM clock_timestamp())::float8 * 1000 AS now`;

/** $1 name. */
export const MAKE_LOG = "INSERT INTO qalyptus_propagate.logs (name) VALUES ($1) ON CONFLICT DO NOTHING";

/** A log's row as it stands. $1 name. */
export const LOOK = `SELECT header, to_json(head_seq) AS seq, head_digest AS digest, to_json(fence) AS fence, holder, extract(epoch FROM beat)::text AS beat,
  extract(epoch FROM clock_timestamp() - beat)::float8 * 1000 AS "silentMs"
  FROM qalyptus_propagate.logs WHERE name = $1`;

/**
 * Takes the lock where it is free, this run's own already (its answer was lost), silent for $3 milliseconds, the one that is to be
 * broken ($4 fence), or the one that was watched and gave no sign of life ($5 fence, $6 beat). $1 name, $2 holder.
 */
export const TAKE = `WITH ${DURABLE}
  UPDATE qalyptus_propagate.logs SET fence = fence + 1, holder = $2, beat = clock_timestamp() FROM durable
  WHERE name = $1 AND mode IS NOT NULL AND (holder IS NULL OR holder = $2
    OR beat < clock_timestamp() - $3 * interval '1 millisecond' OR fence = $4 OR (fence = $5 AND extract(epoch FROM beat)::text = $6))
  RETURNING to_json(fence) AS fence`;

/** $1 name, $2 fence, $3 holder. */
export const BEAT = `UPDATE qalyptus_propagate.logs SET beat = clock_timestamp() WHERE name = $1 AND fence = $2 AND holder = $3`;
export const RELEASE = `UPDATE qalyptus_propagate.logs SET holder = NULL WHERE name = $1 AND fence = $2 AND holder = $3`;

/**
 * Appends lines where the lock is this run's and the log ends where it left it; no row where not. It counts as a sign of life.
 * $1 name, $2 fence, $3 holder, $4 and $5 head before, $6 and $7 head after, $8 header of a new log, $9 lines, LF between them;
 * NULL: the header alone.
 */
export const APPEND = `WITH ${DURABLE}, held AS (
  UPDATE qalyptus_propagate.logs SET head_seq = $6, head_digest = $7, header = coalesce(header, $8), beat = clock_timestamp() FROM durable
  WHERE name = $1 AND fence = $2 AND holder = $3 AND head_seq = $4 AND head_digest = $5 AND mode IS NOT NULL RETURNING fence)
  INSERT INTO qalyptus_propagate.records (log, seq, fence, line)
  SELECT $1, $4 + place, held.fence, line
  FROM held, unnest(string_to_array($9, E'\\n')) WITH ORDINALITY AS lines (line, place)`;

/** The lines behind $2, at most $3 of them, each with its LF, in one text. $1 name. */
export const READ = `SELECT string_agg(line || E'\\n', '' ORDER BY seq) AS lines, to_json(max(seq)) AS last FROM (
  SELECT seq, line FROM qalyptus_propagate.records WHERE log = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS page`;
