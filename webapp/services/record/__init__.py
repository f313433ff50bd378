"""The learning record as services read it: the version of now, names in memory, the departments' mirror, upkeep."""
