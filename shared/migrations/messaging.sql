-- The reliable core: what every service's database holds beside its own schema.
-- @api and @worker stand for the service's two application roles, which own nothing here; @service for its name.
CREATE SCHEMA msg;
GRANT USAGE ON SCHEMA msg TO @api, @worker;

-- Legal time ---------------------------------------------------------------------------------------
CREATE TABLE msg.legal_clock (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  profile text NOT NULL DEFAULT 'production' CHECK (profile IN ('production', 'development')),
  shift interval NOT NULL DEFAULT interval '0',
  CHECK (profile = 'development' OR shift = interval '0')  -- production cannot live in another time
);
INSERT INTO msg.legal_clock DEFAULT VALUES;

CREATE FUNCTION msg.legal_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
SECURITY DEFINER SET search_path = msg, pg_temp
AS $$ SELECT clock_timestamp() + shift FROM msg.legal_clock $$;

-- Producing ----------------------------------------------------------------------------------------
CREATE SEQUENCE msg.event_pos CACHE 1;  -- a cached sequence would break the order inside an aggregate

CREATE TABLE msg.aggregate_head (
  aggregatetype text NOT NULL, aggregateid text NOT NULL, last_seq bigint NOT NULL,
  PRIMARY KEY (aggregatetype, aggregateid)
) WITH (fillfactor = 70);

CREATE TABLE msg.event_log (
  pos bigint NOT NULL, id uuid NOT NULL, source text NOT NULL,
  aggregatetype text NOT NULL, aggregateid text NOT NULL, seq bigint NOT NULL,
  type text NOT NULL, collectivity text NOT NULL, payload bytea NOT NULL, headers jsonb NOT NULL,
  occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (pos)
) PARTITION BY RANGE (pos);
CREATE INDEX event_log_history ON msg.event_log (aggregatetype, aggregateid, seq);

CREATE TABLE msg.outbox_pending (pos bigint PRIMARY KEY) WITH (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0
);

CREATE TABLE msg.relay_lease (
  name text PRIMARY KEY, owner uuid NOT NULL, epoch bigint NOT NULL, expires_at timestamptz NOT NULL
);

-- Partitions of ten million positions; the next one exists before the last is half full.
CREATE FUNCTION msg.ensure_partitions() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = msg, pg_temp AS $$
DECLARE
  size constant bigint := 10000000;
  reached bigint := (SELECT last_value FROM msg.event_pos);
  first bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('msg.ensure_partitions'));
  FOR part IN 0 .. (reached / size + 1) LOOP
    first := part * size;
    EXECUTE format('CREATE TABLE IF NOT EXISTS msg.event_log_%s PARTITION OF msg.event_log'
                   ' FOR VALUES FROM (%s) TO (%s)', part, first, first + size);
  END LOOP;
END $$;
SELECT msg.ensure_partitions();

-- The position is drawn while the aggregate's row lock is held: whoever sees event n of an aggregate
-- sees all its earlier ones. Identifiers are UUIDs of version 8 over the SHA-256 of what makes an event
-- unique, so the same event sent twice carries the same identifier.
CREATE FUNCTION msg.emit(
  p_aggregate text, p_subject text, p_type text, p_collectivity text,
  p_payload bytea, p_headers jsonb, p_occurred_at timestamptz,
  OUT seq bigint, OUT pos bigint, OUT id uuid
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = msg, pg_temp AS $$
DECLARE
  origin constant text := '/@service';  -- not the caller's to say: nobody announces for another service
  digest bytea;
BEGIN
  IF octet_length(p_payload) > 262144 THEN
    RAISE EXCEPTION 'event % of % is % bytes, more than 262144: put the content in the object store and a '
      'reference in the event', p_type, p_subject, octet_length(p_payload) USING ERRCODE = 'program_limit_exceeded';
  END IF;
  IF p_type NOT LIKE 'ma.jamaa.@service.%' THEN
    RAISE EXCEPTION '% is no event of @service', p_type USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF p_occurred_at > msg.legal_now() THEN
    RAISE EXCEPTION 'an event cannot occur at %, which is to come', p_occurred_at USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO msg.aggregate_head AS h VALUES (p_aggregate, p_subject, 1)
    ON CONFLICT (aggregatetype, aggregateid) DO UPDATE SET last_seq = h.last_seq + 1
    RETURNING h.last_seq INTO seq;
  pos := nextval('msg.event_pos');
  digest := substring(sha256(convert_to(concat_ws(E'\x1f', origin, p_type, p_aggregate, p_subject, seq), 'UTF8')) for 16);
  digest := set_byte(digest, 6, (get_byte(digest, 6) & 15) | 128);
  digest := set_byte(digest, 8, (get_byte(digest, 8) & 63) | 128);
  id := encode(digest, 'hex')::uuid;
  INSERT INTO msg.event_log (pos, id, source, aggregatetype, aggregateid, seq, type, collectivity, payload, headers, occurred_at)
    VALUES (pos, id, origin, p_aggregate, p_subject, seq, p_type, p_collectivity, p_payload, p_headers, p_occurred_at);
  INSERT INTO msg.outbox_pending VALUES (pos);
END $$;

-- What an aggregate went through, for those who were allowed to load the aggregate itself.
CREATE FUNCTION msg.history(p_aggregate text, p_subject text)
RETURNS TABLE (seq bigint, id uuid, type text, payload bytea, actor text, occurred_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = msg, pg_temp AS $$
  SELECT seq, id, type, payload, headers ->> 'actor', occurred_at FROM msg.event_log
   WHERE aggregatetype = p_aggregate AND aggregateid = p_subject ORDER BY seq
$$;

-- Consuming ----------------------------------------------------------------------------------------
CREATE TABLE msg.inbox_head (
  consumer text NOT NULL, source text NOT NULL, aggregatetype text NOT NULL, aggregateid text NOT NULL,
  last_seq bigint NOT NULL DEFAULT 0,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'blocked', 'dead')),
  attempts int NOT NULL DEFAULT 0, next_try timestamptz, last_error text, repair_asked_at timestamptz,
  PRIMARY KEY (consumer, source, aggregatetype, aggregateid)
) WITH (fillfactor = 70);
CREATE INDEX inbox_head_stuck ON msg.inbox_head (consumer, next_try) WHERE state <> 'open';

CREATE TABLE msg.inbox_parked (
  consumer text NOT NULL, source text NOT NULL, aggregatetype text NOT NULL, aggregateid text NOT NULL,
  seq bigint NOT NULL, record bytea NOT NULL, headers jsonb NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (consumer, source, aggregatetype, aggregateid, seq)
);

CREATE TABLE msg.dead_letter (
  consumer text NOT NULL, topic text NOT NULL, part int NOT NULL, off bigint NOT NULL,
  raw bytea, headers jsonb NOT NULL, reason text NOT NULL, received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolved_by text, resolution text, resolved_at timestamptz,
  PRIMARY KEY (consumer, topic, part, off, received_at)  -- offsets begin again when a broker lost its data
);

-- A skip is proposed by one operator and confirmed by another; the register is only added to.
CREATE TABLE msg.skip_register (
  consumer text NOT NULL, source text NOT NULL, aggregatetype text NOT NULL, aggregateid text NOT NULL,
  seq bigint NOT NULL, proposed_by text NOT NULL, reason text NOT NULL,
  proposed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_by text CHECK (confirmed_by <> proposed_by), confirmed_at timestamptz,
  PRIMARY KEY (consumer, source, aggregatetype, aggregateid, seq)
);

-- Least privilege ----------------------------------------------------------------------------------
-- Functions are executable by everybody unless revoked. Nobody but emit() writes the log.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA msg FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.legal_now(), msg.history(text, text),
  msg.emit(text, text, text, text, bytea, jsonb, timestamptz) TO @api, @worker;
GRANT EXECUTE ON FUNCTION msg.ensure_partitions() TO @worker;
GRANT SELECT ON msg.event_log, msg.aggregate_head, msg.event_pos, msg.legal_clock TO @worker;
GRANT SELECT, INSERT, DELETE ON msg.outbox_pending TO @worker;
GRANT SELECT, INSERT, UPDATE ON msg.relay_lease, msg.inbox_head, msg.dead_letter TO @worker;
GRANT SELECT, INSERT, DELETE ON msg.inbox_parked TO @worker;
GRANT SELECT, INSERT ON msg.skip_register TO @worker;
GRANT UPDATE (confirmed_by, confirmed_at) ON msg.skip_register TO @worker;
