"""Which xAPI verbs mean which `activity-event`. Plain data, seeded into the lookups' `metadata.xapiVerbs`.

A rule names a verb by the last segment of its IRI (or by the whole IRI) and may name activity types, by theirs. A rule
with a type wins over one without. What no rule knows is kept with its verb, and mapped once an administrator adds one.
"""

from __future__ import annotations

SCORM = ["scorm", "scorm-package", "sco", "lesson", "cmi5", "au"]
VIDEO = ["video"]
ASSESSMENT = ["assessment", "quiz", "test", "exam", "question", "interaction", "cmi.interaction"]


def _rules(verbs: str, types: list[str] | None = None) -> list[dict[str, object]]:
    return [{"verb": verb, "activityTypes": types} if types else {"verb": verb} for verb in verbs.split()]


XAPI_VERBS: dict[str, list[dict[str, object]]] = {
    "enrollment-created": _rules("registered enrolled"),
    "enrollment-withdrawn": _rules("abandoned withdrew unregistered unenrolled"),
    "content-viewed": _rules("experienced viewed read opened accessed"),
    "content-downloaded": _rules("downloaded"),
    "content-started": _rules("launched initialized started"),
    "content-completed": _rules("completed finished"),
    "assessment-started": [*_rules("attempted"), *_rules("launched initialized started", ASSESSMENT)],
    "assessment-submitted": _rules("answered submitted"),
    "assessment-completed": [*_rules("passed failed"), *_rules("completed finished terminated", ASSESSMENT)],
    "assessment-graded": _rules("scored graded"),
    "module-started": _rules("launched initialized started", ["module"]),
    "module-completed": _rules("completed finished passed", ["module"]),
    "course-started": _rules("launched initialized started", ["course"]),
    "course-completed": _rules("completed finished passed", ["course"]),
    "scorm-launched": _rules("launched", SCORM),
    "scorm-initialized": _rules("initialized", SCORM),
    "scorm-completed": _rules("completed", SCORM),
    "scorm-passed": _rules("passed", SCORM),
    "scorm-failed": _rules("failed", SCORM),
    "scorm-suspended": _rules("suspended", SCORM),
    "scorm-exited": _rules("exited terminated", SCORM),
    "video-played": _rules("played"),
    "video-paused": _rules("paused"),
    "video-seeked": _rules("seeked"),
    "video-completed": _rules("completed terminated", VIDEO),
    "session-ended": _rules("suspended terminated exited"),
    "login": _rules("logged-in loggedin login"),
    "logout": _rules("logged-out loggedout logout"),
    "achievement-earned": _rules("earned"),
    "certificate-issued": _rules("earned", ["certificate"]),
}
