/*
 * The tables of a log in PostgreSQL. Made by `log init` alone, or by a database administrator who runs this text: `log init --print-sql`
 * prints it. It may be run again: what is there stays.
 */

/** Who may do what with the tables. A database administrator gives people and jobs one of these roles. */
export const ROLES = {
  owner: "qalyptus_propagate_owner",
  runner: "qalyptus_propagate_runner",
  auditor: "qalyptus_propagate_auditor",
} as const;

/** The three roles. They cannot log in: `GRANT qalyptus_propagate_runner TO ci` gives one to a user. */
const ROLES_SQL = `-- Three roles: the owner of the tables; the runner of sync and resolve; the auditor of status, log, drift and dry runs.
-- None of them can log in. Give one to a user:  GRANT ${ROLES.runner} TO ci;
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['${ROLES.owner}', '${ROLES.runner}', '${ROLES.auditor}'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
END $$;
`;

const TABLES_SQL = `CREATE SCHEMA IF NOT EXISTS qalyptus_propagate;

-- One row for each log. \`fence\` counts who has held its lock; \`holder\` is who holds it now, \`beat\` the holder's last sign of life.
CREATE TABLE IF NOT EXISTS qalyptus_propagate.logs (
  name        text        PRIMARY KEY CHECK (name <> ''),
  header      text,
  head_seq    bigint      NOT NULL DEFAULT -1,
  head_digest text        NOT NULL DEFAULT '',
  fence       bigint      NOT NULL DEFAULT 0,
  holder      text,
  beat        timestamptz
);

-- One row for each line behind the header, byte for byte as a log's file has it, without its line end.
CREATE TABLE IF NOT EXISTS qalyptus_propagate.records (
  log   text   NOT NULL,
  seq   bigint NOT NULL CHECK (seq > 0),
  fence bigint NOT NULL,
  line  text   NOT NULL,
  PRIMARY KEY (log, seq)
);

-- A log only grows: whoever may update its row can take nothing back.
CREATE OR REPLACE FUNCTION qalyptus_propagate.only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.name <> OLD.name
     OR NEW.fence < OLD.fence
     OR NEW.head_seq < OLD.head_seq
     OR (NEW.head_seq = OLD.head_seq AND NEW.head_digest <> OLD.head_digest)
     OR (OLD.header IS NOT NULL AND NEW.header IS DISTINCT FROM OLD.header) THEN
    RAISE EXCEPTION 'the log "%" of qalyptus-propagate only grows', OLD.name USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS only_grows ON qalyptus_propagate.logs;
CREATE TRIGGER only_grows BEFORE UPDATE ON qalyptus_propagate.logs
  FOR EACH ROW EXECUTE FUNCTION qalyptus_propagate.only_grows();
`;

const GRANTS_SQL = `GRANT ${ROLES.owner} TO CURRENT_USER;
ALTER SCHEMA qalyptus_propagate OWNER TO ${ROLES.owner};
ALTER TABLE qalyptus_propagate.logs OWNER TO ${ROLES.owner};
ALTER TABLE qalyptus_propagate.records OWNER TO ${ROLES.owner};
ALTER FUNCTION qalyptus_propagate.only_grows() OWNER TO ${ROLES.owner};

GRANT USAGE ON SCHEMA qalyptus_propagate TO ${ROLES.runner}, ${ROLES.auditor};
GRANT SELECT ON qalyptus_propagate.logs, qalyptus_propagate.records TO ${ROLES.runner}, ${ROLES.auditor};
-- The runner makes a log and appends to it. It deletes nothing and changes no line.
GRANT INSERT (name) ON qalyptus_propagate.logs TO ${ROLES.runner};
GRANT UPDATE (header, head_seq, head_digest, fence, holder, beat) ON qalyptus_propagate.logs TO ${ROLES.runner};
GRANT INSERT ON qalyptus_propagate.records TO ${ROLES.runner};
`;

/** All that `log init` does, as one transaction. */
export const INIT_SQL = `-- The idempotency log of qalyptus-propagate in PostgreSQL. May be run again: what is there stays.
BEGIN;

${ROLES_SQL}
${TABLES_SQL}
${GRANTS_SQL}
COMMIT;
`;
