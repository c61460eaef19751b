-- What this service remembered on its own. The view is for the older release beside this one in a rolling restart.
INSERT INTO msg.upload (sha256, uploader, name, media_type, size, uploaded_at)
  SELECT sha256, uploader, name, media_type, size, uploaded_at FROM @service.upload;
DROP TABLE @service.upload;
CREATE VIEW @service.upload WITH (security_invoker) AS
  SELECT sha256, uploader, name, media_type, size, uploaded_at FROM msg.upload;
GRANT SELECT, INSERT ON @service.upload TO @api;
