"""Which xAPI verbs mean which `activity-event`. Plain data, seeded into the lookups' `metadata.xapiVerbs`."""

XAPI_VERBS: dict[str, list[dict[str, object]]] = {}
