-- A person has yet to say what of it everybody may see: its text, its photos, the last reply.
ALTER TABLE chikaya.report ADD COLUMN to_review boolean NOT NULL DEFAULT false;
UPDATE chikaya.report SET to_review = true WHERE public AND state <> 'inadmissible';
CREATE INDEX report_to_review ON chikaya.report (collectivity, received_at, id) WHERE to_review;

-- Text and reply are no longer those of the report, which may change after somebody looked, but those that a person said
-- are shown (`review`); a photo, where it is marked.
CREATE OR REPLACE VIEW chikaya.public_report WITH (security_barrier) AS
  SELECT id, reference, kind, category, collectivity, state, received_at, escalated_at,
    round(latitude::numeric, 3) AS latitude, round(longitude::numeric, 3) AS longitude,
    CASE WHEN published THEN body #>> '{review,text}' END AS text,
    CASE WHEN published THEN body #>> '{review,reply}' END AS reply,
    body #>> '{replies,-1,outcome}' AS outcome, body #>> '{replies,-1,answered_at}' AS answered_at,
    ARRAY (SELECT one ->> 'file' FROM jsonb_array_elements(body -> 'attachments') AS one
      WHERE published AND (one ->> 'public')::boolean) AS photos
  FROM chikaya.report WHERE public AND state <> 'inadmissible';
