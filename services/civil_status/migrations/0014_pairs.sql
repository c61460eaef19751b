-- Who asks by name and given name, and both parents' besides, was answered through the parents' index at 55 million acts:
-- every Mohamed of a father Ahmed, a minute of pages. A planner takes these two only for a question that says `number > 0`
-- as they do (store/search.py), which is true of every act; the others are narrowed inside act_name.
DROP INDEX civil_status.act_parents, civil_status.act_couple;
CREATE INDEX act_parents ON civil_status.act (father_name, given_name, mother_name, collectivity)
  WHERE father_name IS NOT NULL AND number > 0;
CREATE INDEX act_couple ON civil_status.act (father_name, mother_name, collectivity, event_on)
  WHERE father_name IS NOT NULL AND mother_name IS NOT NULL AND number > 0;
