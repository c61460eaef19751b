"""The statements of the inbox, built once: building one costs more than running it."""

from sqlalchemy import text

HEADS = text("""
    INSERT INTO msg.inbox_head (consumer, source, aggregatetype, aggregateid)
    SELECT DISTINCT CAST(:consumer AS text), w.* FROM
      unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[])) AS w
    ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING""")
LOCK = text("""
    SELECT h.source, h.aggregatetype, h.aggregateid, h.last_seq, h.state FROM msg.inbox_head h JOIN (
      SELECT DISTINCT * FROM
        unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[]))
        AS w (source, aggregatetype, aggregateid)
    ) w USING (source, aggregatetype, aggregateid)
    WHERE h.consumer = :consumer ORDER BY 1, 2, 3 FOR UPDATE OF h""")
ADVANCE = text("""
    UPDATE msg.inbox_head h SET last_seq = v.seq, state = 'open', attempts = 0, next_try = NULL,
      last_error = NULL, repair_asked_at = NULL
    FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[]),
      CAST(:seqs AS bigint[])) AS v (source, aggregatetype, aggregateid, seq)
    WHERE h.consumer = :consumer AND h.source = v.source AND h.aggregatetype = v.aggregatetype
      AND h.aggregateid = v.aggregateid""")
PARK = text("""
    INSERT INTO msg.inbox_parked (consumer, source, aggregatetype, aggregateid, seq, record, headers)
    VALUES (:consumer, :source, :aggregate, :subject, :seq, :record, CAST(:headers AS jsonb))
    ON CONFLICT DO NOTHING""")
PARKED_NEXT = text("""
    SELECT p.seq, p.record, p.headers, h.last_seq FROM msg.inbox_head h
      LEFT JOIN msg.inbox_parked p USING (consumer, source, aggregatetype, aggregateid)
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
      AND p.seq > h.last_seq ORDER BY p.seq LIMIT 100""")
REOPEN = text("""
    UPDATE msg.inbox_head SET state = 'open', attempts = 0, next_try = NULL, last_error = NULL
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
      AND state <> 'open'""")
UNPARK = text("""
    DELETE FROM msg.inbox_parked WHERE consumer = :consumer AND source = :source
      AND aggregatetype = :aggregate AND aggregateid = :subject AND seq <= :seq""")
DRAINABLE = text("""
    SELECT h.source, h.aggregatetype, h.aggregateid FROM msg.inbox_parked p JOIN msg.inbox_head h
      USING (consumer, source, aggregatetype, aggregateid)
    WHERE consumer = :consumer AND h.state = 'open' AND p.seq <= h.last_seq + 1 LIMIT 100""")
DRAINABLE_AMONG = text("""
    SELECT DISTINCT w.* FROM
      unnest(CAST(:sources AS text[]), CAST(:aggregates AS text[]), CAST(:subjects AS text[]))
        AS w (source, aggregatetype, aggregateid)
      JOIN msg.inbox_head h USING (source, aggregatetype, aggregateid)
      JOIN msg.inbox_parked p USING (consumer, source, aggregatetype, aggregateid)
    WHERE consumer = :consumer AND h.state = 'open' AND p.seq <= h.last_seq + 1""")
BLOCK = text("""
    UPDATE msg.inbox_head SET state = CASE WHEN attempts >= :most THEN 'dead' ELSE 'blocked' END,
      attempts = attempts + 1, last_error = :error, next_try =
        clock_timestamp() + make_interval(secs => (CAST(:delays AS float[]))[least(attempts + 1, :most)])
    WHERE consumer = :consumer AND source = :source AND aggregatetype = :aggregate AND aggregateid = :subject
    RETURNING state, attempts""")
DUE = text("""
    SELECT source, aggregatetype, aggregateid FROM msg.inbox_head
    WHERE consumer = :consumer AND state = 'blocked' AND next_try <= clock_timestamp() LIMIT 100""")
BUSY = text("""
    SELECT true WHERE EXISTS (SELECT FROM msg.inbox_parked WHERE consumer = :consumer)
      OR EXISTS (SELECT FROM msg.inbox_head WHERE consumer = :consumer AND state = 'blocked'
        AND next_try <= clock_timestamp())""")
GAPS = text("""
    WITH gaps AS (
      SELECT source, aggregatetype, aggregateid, last_seq + 1 AS first, min(seq) - 1 AS last
      FROM msg.inbox_parked p JOIN msg.inbox_head h USING (consumer, source, aggregatetype, aggregateid)
      WHERE consumer = :consumer AND h.state = 'open'
        AND coalesce(repair_asked_at, '-infinity') < clock_timestamp() - make_interval(secs => :age)
      GROUP BY source, aggregatetype, aggregateid, last_seq
      HAVING min(seq) > last_seq + 1
        AND min(parked_at) < clock_timestamp() - make_interval(secs => :age) LIMIT 100)
    UPDATE msg.inbox_head h SET repair_asked_at = clock_timestamp() FROM gaps g
    WHERE h.consumer = :consumer AND h.source = g.source AND h.aggregatetype = g.aggregatetype
      AND h.aggregateid = g.aggregateid RETURNING g.*""")
DEAD_LETTER = text("""
    INSERT INTO msg.dead_letter (consumer, topic, part, off, raw, headers, reason)
    SELECT CAST(:consumer AS text), CAST(:topic AS text), CAST(:part AS int), CAST(:off AS bigint),
      CAST(:raw AS bytea), CAST(:headers AS jsonb), CAST(:reason AS text)
    WHERE NOT EXISTS (SELECT FROM msg.dead_letter WHERE consumer = :consumer AND topic = :topic
      AND part = :part AND off = :off AND raw = :raw)""")
