-- The account of the person concerned, which an officer has linked: of acts on paper nobody here declared anything. The
-- parties of the drafting stay as they are; who is linked reads besides them.
ALTER TABLE civil_status.act ADD holder text, ADD holder_seen text, ADD holder_by text, ADD holder_at timestamptz;
GRANT UPDATE (holder, holder_seen, holder_by, holder_at) ON civil_status.act TO @api, @worker;
CREATE POLICY holder ON civil_status.act FOR SELECT TO @api USING (holder = current_setting('app.subject', true));
