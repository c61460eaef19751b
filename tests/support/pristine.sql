-- What a test database was like when its template was made, kept in the database itself, and how to make it
-- so again. For a superuser only; nobody else may enter the schema.
CREATE SCHEMA pristine;

CREATE TABLE pristine.seed (name regclass PRIMARY KEY, kept regclass, version text);  -- kept NULL: had no rows
CREATE TABLE pristine.sequence (name regclass PRIMARY KEY, last_value bigint, is_called boolean);
CREATE TABLE pristine.catalog (version text);

-- A row that was added or changed has a newer xmin than all that were there, one that is gone is not counted.
CREATE FUNCTION pristine.version(name regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE seen text;
BEGIN
  EXECUTE format('SELECT count(*) || '' '' || max(xmin::text::bigint) FROM %s', name) INTO seen;
  RETURN seen;
END $$;

-- The same of everything that a migration makes, and what was set on this database alone.
CREATE FUNCTION pristine.schema() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', what, n, newest), ', ' ORDER BY what) FROM (
    SELECT 'class' AS what, count(*) AS n, max(xmin::text::bigint) AS newest
      FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT 'attribute', count(*), max(a.xmin::text::bigint)
      FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE attrelid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT 'default', count(*), max(xmin::text::bigint) FROM pg_attrdef
    UNION ALL SELECT 'constraint', count(*), max(xmin::text::bigint) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT 'index', count(*), max(xmin::text::bigint) FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT 'inherits', count(*), max(xmin::text::bigint) FROM pg_inherits
    UNION ALL SELECT 'function', count(*), max(xmin::text::bigint) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'policy', count(*), max(xmin::text::bigint) FROM pg_policy
    UNION ALL SELECT 'trigger', count(*), max(xmin::text::bigint) FROM pg_trigger
    UNION ALL SELECT 'event trigger', count(*), max(xmin::text::bigint) FROM pg_event_trigger
    UNION ALL SELECT 'rule', count(*), max(xmin::text::bigint) FROM pg_rewrite WHERE oid >= 16384
    UNION ALL SELECT 'sequence', count(*), max(xmin::text::bigint) FROM pg_sequence
    UNION ALL SELECT 'type', count(*), max(t.xmin::text::bigint)
      FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
      WHERE t.oid >= 16384 AND relpersistence IS DISTINCT FROM 't'
    UNION ALL SELECT 'namespace', count(*), max(xmin::text::bigint)
      FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT 'default privileges', count(*), max(xmin::text::bigint) FROM pg_default_acl
    UNION ALL SELECT 'extension', count(*), max(xmin::text::bigint) FROM pg_extension
    UNION ALL SELECT 'large object', count(*), max(xmin::text::bigint) FROM pg_largeobject_metadata
    UNION ALL SELECT 'setting', count(*), 0
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database()
    UNION ALL SELECT 'prepared transaction', count(*), 0
      FROM pg_prepared_xacts WHERE database = current_database()
  ) AS seen
$$;

CREATE PROCEDURE pristine.remember() LANGUAGE plpgsql AS $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT c.oid::regclass AS name, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'S') AND NOT relispartition AND nspname !~ '^pg_|^information_schema$|^pristine$'
  LOOP
    IF one.relkind = 'S' THEN
      EXECUTE format('INSERT INTO pristine.sequence SELECT %L, last_value, is_called FROM %s', one.name, one.name);
    ELSE
      INSERT INTO pristine.seed VALUES (one.name, NULL, pristine.version(one.name));
    END IF;
  END LOOP;
  FOR one IN SELECT name FROM pristine.seed WHERE version IS NOT NULL LOOP
    EXECUTE format('CREATE TABLE pristine.%I AS TABLE %s', one.name::text, one.name);
    UPDATE pristine.seed SET kept = format('pristine.%I', one.name::text)::regclass WHERE name = one.name;
  END LOOP;
  INSERT INTO pristine.catalog VALUES (pristine.schema());
END $$;

-- False when the database is to be thrown away: its schema is another one, or something was set on it.
CREATE FUNCTION pristine.restore() RETURNS boolean LANGUAGE plpgsql
SET session_replication_role = replica  -- no foreign key, no trigger that keeps a log from being emptied
AS $$
DECLARE
  one record;

BEGIN
  LOOP  -- until nobody is left who could still commit
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();
    EXIT WHEN NOT FOUND;
    PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
  END LOOP;
  IF pristine.schema() <> (SELECT version FROM pristine.catalog) OR EXISTS (
    SELECT FROM pg_database
    WHERE datname = current_database() AND (datacl IS NOT NULL OR datconnlimit <> -1)  -- a clone inherits neither
  ) THEN
    RETURN false;
  END IF;
  FOR one IN SELECT * FROM pristine.seed LOOP
    IF one.kept IS NULL THEN
      EXECUTE format('DELETE FROM %s', one.name);
    ELSIF pristine.version(one.name) IS DISTINCT FROM one.version THEN
      EXECUTE format('DELETE FROM %s', one.name);
      EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM %s', one.name, one.kept);
      UPDATE pristine.seed SET version = pristine.version(name) WHERE name = one.name;
    END IF;
  END LOOP;
  FOR one IN SELECT * FROM pristine.sequence LOOP
    PERFORM setval(one.name, one.last_value, one.is_called);
  END LOOP;
  RETURN true;
END $$;
