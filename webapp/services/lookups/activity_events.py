"""The learning events: what people read, and which xAPI verbs mean each (`metadata.xapiVerbs`).

A rule names a verb by the last segment of its IRI (or by the whole IRI) and may name activity types, by theirs. A rule
with a type wins over one without. What no rule knows is kept with its verb, and mapped once an administrator adds one.
"""

from __future__ import annotations

from dataclasses import dataclass

from webapp.messages import Message

Rule = dict[str, object]

SCORM = ["scorm", "scorm-package", "sco", "lesson", "cmi5", "au"]
VIDEO = ["video"]
ASSESSMENT = ["assessment", "quiz", "test", "exam", "question", "interaction", "cmi.interaction"]


@dataclass(frozen=True)
class ActivityEvent:
    key: str
    label: str
    verbs: tuple[Rule, ...]


def _rules(verbs: str, types: list[str] | None = None) -> list[Rule]:
    return [{"verb": verb, "activityTypes": types} if types else {"verb": verb} for verb in verbs.split()]


def _event(key: str, label: str, *verbs: Rule) -> ActivityEvent:
    return ActivityEvent(key, label, verbs)


ACTIVITY_EVENTS = (
    _event("enrollment-created", Message("Enrollment created"), *_rules("registered enrolled")),
    _event("enrollment-started", Message("Enrollment started")),
    _event("enrollment-completed", Message("Enrollment completed")),
    _event(
        "enrollment-withdrawn",
        Message("Enrollment withdrawn"),
        *_rules("withdrew unregistered unenrolled"),
        # Of anything else, a session was abandoned (cmi5).
        *_rules("abandoned", ["course"]),
    ),
    _event("enrollment-expired", Message("Enrollment expired")),
    _event("content-viewed", Message("Content viewed"), *_rules("experienced viewed read opened accessed")),
    _event("content-started", Message("Content started"), *_rules("launched initialized started")),
    _event("content-completed", Message("Content completed"), *_rules("completed finished")),
    # The system lets somebody off a unit (cmi5): it counts as satisfied, and nobody has gone through it.
    _event("content-waived", Message("Content waived"), *_rules("waived")),
    _event("content-downloaded", Message("Content downloaded"), *_rules("downloaded")),
    _event(
        "assessment-started",
        Message("Assessment started"),
        *_rules("attempted"),
        *_rules("launched initialized started", ASSESSMENT),
    ),
    _event("assessment-submitted", Message("Assessment submitted"), *_rules("answered submitted")),
    _event(
        "assessment-completed",
        Message("Assessment completed"),
        *_rules("passed failed"),
        *_rules("completed finished", ASSESSMENT),
    ),
    _event("assessment-graded", Message("Assessment graded"), *_rules("scored graded")),
    _event("module-started", Message("Module started"), *_rules("launched initialized started", ["module"])),
    _event(
        "module-completed",
        Message("Module completed"),
        *_rules("completed finished passed", ["module"]),
        *_rules("satisfied", ["block", "module"]),
    ),
    _event("course-started", Message("Course started"), *_rules("launched initialized started", ["course"])),
    _event("course-completed", Message("Course completed"), *_rules("completed finished passed satisfied", ["course"])),
    _event("scorm-launched", Message("SCORM launched"), *_rules("launched", SCORM)),
    _event("scorm-initialized", Message("SCORM initialized"), *_rules("initialized", SCORM)),
    _event("scorm-completed", Message("SCORM completed"), *_rules("completed", SCORM)),
    _event("scorm-passed", Message("SCORM passed"), *_rules("passed", SCORM)),
    _event("scorm-failed", Message("SCORM failed"), *_rules("failed", SCORM)),
    _event("scorm-suspended", Message("SCORM suspended"), *_rules("suspended", SCORM)),
    _event("scorm-exited", Message("SCORM exited"), *_rules("exited terminated", SCORM)),
    _event("video-played", Message("Video played"), *_rules("played")),
    _event("video-paused", Message("Video paused"), *_rules("paused")),
    _event("video-seeked", Message("Video seeked"), *_rules("seeked")),
    _event("video-completed", Message("Video completed"), *_rules("completed", VIDEO)),
    _event("session-started", Message("Session started")),
    _event("session-ended", Message("Session ended"), *_rules("suspended terminated exited")),
    # The unit never said that it was left (cmi5): its session has ended, and not as sessions do.
    _event("session-abandoned", Message("Session abandoned"), *_rules("abandoned")),
    _event("login", Message("Login"), *_rules("logged-in loggedin login")),
    _event("logout", Message("Logout"), *_rules("logged-out loggedout logout")),
    _event("achievement-earned", Message("Achievement earned"), *_rules("earned")),
    _event("certificate-issued", Message("Certificate issued"), *_rules("earned", ["certificate"])),
)
