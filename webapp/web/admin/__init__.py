"""For administrators: one file for each page (queue, lookup values, people, departments, imports, letterhead…)."""
