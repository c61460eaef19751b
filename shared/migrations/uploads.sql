-- Who brought which content: a digest found elsewhere gives nobody anything.
CREATE TABLE msg.upload (
  sha256 text NOT NULL, uploader text NOT NULL, name text NOT NULL, media_type text NOT NULL,
  size bigint NOT NULL, uploaded_at timestamptz NOT NULL, PRIMARY KEY (sha256, uploader)
);
ALTER TABLE msg.upload ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON msg.upload TO @api
  USING (uploader = current_setting('app.subject', true)) WITH CHECK (uploader = current_setting('app.subject', true));
GRANT SELECT, INSERT ON msg.upload TO @api;

-- What a content is, for those who were allowed to load what holds it; the name only as given by the one who
-- attached it, for others may have brought the same content under a name of theirs.
CREATE FUNCTION msg.content(p_sha256 text, p_uploader text) RETURNS TABLE (name text, media_type text, size bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = msg, pg_temp AS $$
  SELECT CASE WHEN uploader = p_uploader THEN name END, media_type, size FROM upload
   WHERE sha256 = p_sha256 ORDER BY (uploader = p_uploader) IS TRUE DESC LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION msg.content(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION msg.content(text, text) TO @api;
