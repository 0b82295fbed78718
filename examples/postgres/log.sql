-- The idempotency log of qalyptus-propagate in PostgreSQL. May be run again: what is there stays.
BEGIN;

-- Three roles: the owner of the tables; the runner of sync and resolve; the auditor of status, log, drift and dry runs.
-- None of them can log in. Give one to a user:  GRANT qalyptus_propagate_runner TO ci;
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['qalyptus_propagate_owner', 'qalyptus_propagate_runner', 'qalyptus_propagate_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
END $$;

CREATE SCHEMA IF NOT EXISTS qalyptus_propagate;

-- One row for each log. `fence` counts who has held its lock; `holder` is who holds it now, `beat` the holder's last sign of life.
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

GRANT qalyptus_propagate_owner TO CURRENT_USER;
ALTER SCHEMA qalyptus_propagate OWNER TO qalyptus_propagate_owner;
ALTER TABLE qalyptus_propagate.logs OWNER TO qalyptus_propagate_owner;
ALTER TABLE qalyptus_propagate.records OWNER TO qalyptus_propagate_owner;
ALTER FUNCTION qalyptus_propagate.only_grows() OWNER TO qalyptus_propagate_owner;

GRANT USAGE ON SCHEMA qalyptus_propagate TO qalyptus_propagate_runner, qalyptus_propagate_auditor;
GRANT SELECT ON qalyptus_propagate.logs, qalyptus_propagate.records TO qalyptus_propagate_runner, qalyptus_propagate_auditor;
-- The runner makes a log and appends to it. It deletes nothing and changes no line.
GRANT INSERT (name) ON qalyptus_propagate.logs TO qalyptus_propagate_runner;
GRANT UPDATE (header, head_seq, head_digest, fence, holder, beat) ON qalyptus_propagate.logs TO qalyptus_propagate_runner;
GRANT INSERT ON qalyptus_propagate.records TO qalyptus_propagate_runner;

COMMIT;
