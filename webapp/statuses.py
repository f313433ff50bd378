"""The states of learning records: what documents store, in the order of life, and what people read.

Below documents and engine, because both need them: one to judge what is stored, the other to say what it means.
"""

from __future__ import annotations

from webapp.messages import Message

Statuses = dict[str, str]

ENROLLMENT: Statuses = {
    "not-started": Message("Not started"),
    "in-progress": Message("In progress"),
    "completed": Message("Completed"),
    "failed": Message("Did not pass"),
    "withdrawn": Message("Withdrawn"),
    "expired": Message("Expired"),
}
ASSESSMENT: Statuses = {
    "submitted": Message("Submitted"),
    "graded": Message("Graded"),
    "exempt": Message("Exempt"),
    "not-submitted": Message("Not submitted"),
}
SCORM: Statuses = {
    "not-attempted": Message("Not attempted"),
    "incomplete": Message("Incomplete"),
    "completed": ENROLLMENT["completed"],
    "passed": Message("Passed"),
    "failed": ENROLLMENT["failed"],
}
#: Not stored: whether a learner has handed something in.
SUBMISSION: Statuses = {
    "not-due": Message("Not due yet"),
    "not-submitted": ASSESSMENT["not-submitted"],
    "submitted": ASSESSMENT["submitted"],
    "exempt": ASSESSMENT["exempt"],
    "not-expected": Message("No longer expected"),
}
#: Not stored: what the dates of a certificate say.
CERTIFICATE: Statuses = {
    "valid": Message("Valid"),
    "expiring": Message("Expiring"),
    "expired": ENROLLMENT["expired"],
    "revoked": Message("Revoked"),
}
#: Not stored: several states of enrollments as one.
NOT_COMPLETED: Statuses = {"not-completed": Message("Not completed")}

#: Not stored: where an enrollment stands, in four words.
COMPLETION: Statuses = {
    "not started": ENROLLMENT["not-started"],
    "in progress": ENROLLMENT["in-progress"],
    "completed": ENROLLMENT["completed"],
    "not completed": NOT_COMPLETED["not-completed"],
}
#: Kinds of contents that learning systems name; others keep the name that they come with.
CONTENT_TYPES: Statuses = {
    "page": Message("Page"),
    "document": Message("Document"),
    "resource": Message("Resource"),
    "url": Message("Link"),
    "link": Message("Link"),
    "video": Message("Video"),
    "audio": Message("Audio"),
    "lesson": Message("Lesson"),
    "module": Message("Module"),
    "scorm": Message("SCORM package"),
    "scorm-package": Message("SCORM package"),
    "assignment": Message("Assignment"),
    "exercise": Message("Exercise"),
    "quiz": Message("Quiz"),
    "exam": Message("Exam"),
    "assessment": Message("Assessment"),
    "survey": Message("Survey"),
    "forum": Message("Forum"),
}

WORDS: Statuses = ENROLLMENT | ASSESSMENT | SCORM | SUBMISSION | CERTIFICATE | NOT_COMPLETED
