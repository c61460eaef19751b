GRANT USAGE ON SCHEMA deadlines TO @api, @worker;

-- The clocks, which are also the only table of timers: `next_at` is the next instant at which one has
-- something to announce. Legal instants are compared with msg.legal_now(), retries with the real clock.
CREATE TABLE deadlines.clock (
  id uuid PRIMARY KEY,
  service text NOT NULL, aggregate text NOT NULL, aggregate_id text NOT NULL,
  procedure text, collectivity text NOT NULL,
  rule text NOT NULL, rule_version int NOT NULL, role text NOT NULL, on_expiry text NOT NULL,
  discriminator text NOT NULL, ordinal int NOT NULL, parent uuid,
  started_at timestamptz NOT NULL,
  month text NOT NULL, -- the civil month of the start in Casablanca; PostgreSQL's own tables of zones are stale
  state text NOT NULL CHECK (state IN ('running', 'suspended', 'elapsed', 'answered', 'stopped')),
  interruptions jsonb NOT NULL,
  last_day date, answer_by timestamptz, remaining_days int, provisional boolean NOT NULL,
  settled_at timestamptz, officer_safe_by date, applicant_safe_from date, first_half_until date,
  not_before timestamptz, warnings jsonb NOT NULL, warned text[] NOT NULL, generation int NOT NULL,
  elapsed_at timestamptz, closed_at timestamptz, outcome text, in_time boolean,
  version bigint NOT NULL,
  calendar_revision bigint NOT NULL,
  next_at timestamptz, next_try timestamptz NOT NULL DEFAULT '-infinity', failures int NOT NULL DEFAULT 0,
  last_error text,
  UNIQUE (service, aggregate, aggregate_id, rule, discriminator, ordinal),
  CHECK ((state = 'suspended') = (answer_by IS NULL) OR state IN ('answered', 'stopped'))
);
CREATE INDEX clock_due ON deadlines.clock (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX clock_file ON deadlines.clock (service, aggregate, aggregate_id);
CREATE INDEX clock_urgency ON deadlines.clock (answer_by, id) WHERE state = 'running';
CREATE INDEX clock_place ON deadlines.clock (collectivity, answer_by, id);
CREATE INDEX clock_recount ON deadlines.clock (calendar_revision, id) WHERE state = 'running';

-- What applicants and officers did after the silence, for the figures that the ministry reports.
CREATE TABLE deadlines.milestone (
  clock uuid NOT NULL REFERENCES deadlines.clock (id), meaning text NOT NULL, at timestamptz NOT NULL,
  PRIMARY KEY (clock, meaning)
);

-- The calendar. A day is proposed by one person and confirmed by another; what it replaces stays, marked.
CREATE TABLE deadlines.calendar_day (
  id uuid PRIMARY KEY, date date NOT NULL,
  kind text NOT NULL CHECK (kind IN ('national', 'religious', 'closure')),
  status text NOT NULL CHECK (status IN ('estimated', 'confirmed')),
  name jsonb NOT NULL, source text NOT NULL, announced_at timestamptz,
  scope text, feast text, earliest date, latest date, replaces uuid[] NOT NULL DEFAULT '{}',
  off boolean NOT NULL DEFAULT true,
  state text NOT NULL CHECK (state IN ('proposed', 'in_force', 'rejected', 'replaced')),
  proposed_by text NOT NULL, proposed_at timestamptz NOT NULL,
  confirmed_by text CHECK (confirmed_by <> proposed_by), confirmed_at timestamptz,
  version bigint NOT NULL
);
CREATE INDEX calendar_day_date ON deadlines.calendar_day (date) WHERE state = 'in_force';

-- One row: which calendar is in force, and the change that made it so, for the reason that people are told.
CREATE TABLE deadlines.calendar_revision (
  revision bigint PRIMARY KEY, reason jsonb NOT NULL, source text NOT NULL, announced_at timestamptz NOT NULL,
  made_at timestamptz NOT NULL
);
INSERT INTO deadlines.calendar_revision VALUES (0, '{}', '', '-infinity', '-infinity');

-- Row-level security: officers see the clocks of their territory, whatever the code above forgets.
ALTER TABLE deadlines.clock ENABLE ROW LEVEL SECURITY;
CREATE POLICY territory ON deadlines.clock FOR SELECT TO @api USING (
  collectivity = ANY (string_to_array(current_setting('app.communes', true), ','))
  OR left(collectivity, 6) = ANY (string_to_array(current_setting('app.provinces', true), ','))
);
CREATE POLICY worker ON deadlines.clock TO @worker USING (true) WITH CHECK (true);

GRANT SELECT ON deadlines.clock, deadlines.calendar_revision TO @api;
GRANT SELECT, INSERT, UPDATE ON deadlines.calendar_day TO @api;
GRANT INSERT ON deadlines.calendar_revision TO @api;
GRANT SELECT, INSERT, UPDATE ON deadlines.clock TO @worker;
GRANT SELECT, INSERT ON deadlines.milestone TO @worker;
GRANT SELECT ON deadlines.calendar_day, deadlines.calendar_revision TO @worker;

-- Figures are counts of a territory, not rows of it: everybody who may ask for statistics gets them whole.
CREATE VIEW deadlines.case_figures AS
  SELECT c.collectivity, left(c.collectivity, 6) AS province, c.procedure, c.on_expiry, c.state, c.started_at, c.month,
    c.answer_by, c.closed_at, c.outcome, c.in_time,
    late AS overdue, late AND c.on_expiry = 'approval' AS eligible,
    (SELECT at FROM deadlines.milestone m WHERE m.clock = c.id AND meaning = 'invoked') AS invoked_at,
    (SELECT at FROM deadlines.milestone m WHERE m.clock = c.id AND meaning = 'delivered') AS delivered_at,
    (SELECT at FROM deadlines.milestone m WHERE m.clock = c.id AND meaning = 'attested') AS attested_at
  FROM deadlines.clock c,
    -- The owner's outcome counts, and the expiry only while there is none.
    LATERAL (SELECT coalesce(NOT c.in_time, c.elapsed_at IS NOT NULL) AS late) AS l
  WHERE c.role = 'decision';
GRANT SELECT ON deadlines.case_figures TO @api;
