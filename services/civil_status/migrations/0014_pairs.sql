-- Who asks by name and given name, and both parents' besides, was answered through the parents' index at 55 million acts:
-- every Mohamed of a father Ahmed, a minute of pages. A planner takes these two only for a question that says `number > 0`
-- as they do (store/search.py), which is true of every act; the others are narrowed inside act_name.
-- Whoever has a large register makes them beforehand while the office works (decision 0053): then they stay.
DO $$ BEGIN
  IF 2 > (SELECT count(*) FROM pg_indexes WHERE schemaname = 'civil_status' AND indexname IN ('act_parents', 'act_couple')
          AND indexdef LIKE '%number > 0%') THEN
    DROP INDEX civil_status.act_parents, civil_status.act_couple;
    CREATE INDEX act_parents ON civil_status.act (father_name, given_name, mother_name, collectivity)
      WHERE father_name IS NOT NULL AND number > 0;
    CREATE INDEX act_couple ON civil_status.act (father_name, mother_name, collectivity, event_on)
      WHERE father_name IS NOT NULL AND mother_name IS NOT NULL AND number > 0;
  END IF;
END $$;
