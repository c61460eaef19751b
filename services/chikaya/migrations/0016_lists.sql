-- A view behind a barrier is planned by itself. Ordered as it is asked for, it is read from the index of that order until a
-- page is full; without, all public reports were read and sorted for each page. For the same reason no such view is joined to
-- another: what Open311 needs of a report and of a step are columns. A column that is not asked for costs nothing.
DROP VIEW chikaya.public_dates;
DROP VIEW chikaya.public_step;
CREATE VIEW chikaya.public_step WITH (security_barrier) AS
  SELECT r.id, r.updated_at, e.seq, split_part(e.type, '.', 5) AS step, e.occurred_at, r.reference, r.collectivity,
    CASE WHEN r.published THEN r.body #>> '{review,reply}' END AS reply, r.body #>> '{replies,-1,answered_at}' AS answered_at
  FROM chikaya.report r JOIN msg.event_log e ON e.aggregatetype = 'report' AND e.aggregateid = r.id::text
  WHERE r.public AND r.state <> 'inadmissible'
    AND split_part(e.type, '.', 5) IN ('acknowledged', 'declared_defective', 'completed', 'assigned', 'started', 'rerouted',
      'redirected', 'answered', 'reopened', 'rated', 'closed');
CREATE OR REPLACE VIEW chikaya.public_report WITH (security_barrier) AS
  SELECT id, reference, kind, category, collectivity, state, received_at, escalated_at,
    round(latitude::numeric, 3) AS latitude, round(longitude::numeric, 3) AS longitude,
    CASE WHEN published THEN body #>> '{review,text}' END AS text,
    CASE WHEN published THEN body #>> '{review,reply}' END AS reply,
    body #>> '{replies,-1,outcome}' AS outcome, body #>> '{replies,-1,answered_at}' AS answered_at,
    ARRAY (SELECT one ->> 'shown_as' FROM jsonb_array_elements(body -> 'attachments') AS one
      WHERE published AND (one ->> 'public')::boolean AND one ->> 'shown_as' IS NOT NULL) AS photos,
    due_at, (SELECT max(s.occurred_at) FROM chikaya.public_step s WHERE s.id = report.id) AS stepped_at
  FROM chikaya.report WHERE public AND state <> 'inadmissible' ORDER BY received_at DESC, id DESC;
GRANT SELECT ON chikaya.public_step TO @api;
CREATE INDEX report_public_place ON chikaya.report (collectivity, received_at DESC, id DESC)
  WHERE public AND state <> 'inadmissible';
