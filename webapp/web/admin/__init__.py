"""For administrators: queue, lookup values, people, departments, imports, storage, audit; one file for each page."""
