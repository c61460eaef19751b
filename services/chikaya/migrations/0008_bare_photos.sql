-- What everybody gets of a photo is a copy, the picture alone. Photos of which there is none yet are shown no more until a
-- person looks again.
CREATE OR REPLACE VIEW chikaya.public_report WITH (security_barrier) AS
  SELECT id, reference, kind, category, collectivity, state, received_at, escalated_at,
    round(latitude::numeric, 3) AS latitude, round(longitude::numeric, 3) AS longitude,
    CASE WHEN published THEN body #>> '{review,text}' END AS text,
    CASE WHEN published THEN body #>> '{review,reply}' END AS reply,
    body #>> '{replies,-1,outcome}' AS outcome, body #>> '{replies,-1,answered_at}' AS answered_at,
    ARRAY (SELECT one ->> 'shown_as' FROM jsonb_array_elements(body -> 'attachments') AS one
      WHERE published AND (one ->> 'public')::boolean AND one ->> 'shown_as' IS NOT NULL) AS photos
  FROM chikaya.report WHERE public AND state <> 'inadmissible';
UPDATE chikaya.report SET to_review = true WHERE published AND body -> 'attachments' @> '[{"public": true}]';
