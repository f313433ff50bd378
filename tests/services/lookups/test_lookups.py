"""Lookup values: what is seeded, and what administrators may change at run time."""

from __future__ import annotations

import pytest

from tests.factories import hold
from webapp.documents import LookupCategory, LookupValue
from webapp.documents.lookup_value import LookupCache
from webapp.errors import ConflictError, InvalidRequestError, NotFoundError
from webapp.services import permissions
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL

#: As it is outside of tests, where nothing ages.
AGES = LookupCache._is_fresh
#: Of the design (DESIGN §3): these documents carry, for ever.
OF_THE_DESIGN = {
    LookupCategory.REPORT_TYPE: "enrollment-summary completion-rates performance-analysis learner-activity "
    "course-analytics instructor-workload department-overview program-progress assessment-results scorm-attempts "
    "transcript certification-status",
    LookupCategory.REPORT_STATUS: "pending queued processing rendering uploading ready downloaded failed cancelled "
    "expired",
    LookupCategory.REPORT_PRIORITY: "critical high normal low scheduled",
    LookupCategory.REPORT_VISIBILITY: "private team department organization",
    LookupCategory.OUTPUT_FORMAT: "pdf excel csv json parquet",
    LookupCategory.MEASURE_TYPE: "count count-distinct sum average median min max std-dev variance completion-rate "
    "pass-rate fail-rate engagement-rate retention-rate dropout-rate avg-time-to-complete avg-study-time avg-score "
    "event-count",
    LookupCategory.DIMENSION_ENTITY: "learner course class program department instructor enrollment activity "
    "assessment scorm-attempt",
    LookupCategory.ACTIVITY_EVENT: "enrollment-created enrollment-started enrollment-completed enrollment-withdrawn "
    "enrollment-expired content-viewed content-started content-completed content-downloaded assessment-started "
    "assessment-submitted assessment-completed assessment-graded module-started module-completed course-started "
    "course-completed scorm-launched scorm-initialized scorm-completed scorm-passed scorm-failed scorm-suspended "
    "scorm-exited video-played video-paused video-seeked video-completed session-started session-ended login logout "
    "achievement-earned certificate-issued",
    LookupCategory.ROLE: "learner instructor staff department-admin content-admin billing-admin system-admin",
}


def test_every_category_of_the_design_is_seeded_whole(database):
    for category in LookupCategory:
        assert set(OF_THE_DESIGN[category].split()) <= {value.key for value in lookups.active(category)}, category


def test_seeding_again_adds_nothing_and_keeps_what_an_administrator_changed(database):
    lookups.change(LookupCategory.REPORT_TYPE, "transcript", display_as="Record of study", is_active=False, by=TERMINAL)
    assert lookups.seed() == 0
    kept = LookupValue.objects.get(category="report-type", key="transcript")
    assert (kept.display_as, kept.is_active) == ("Record of study", False)


def test_an_inactive_value_leaves_forms_and_keeps_its_name(database):
    lookups.change(LookupCategory.OUTPUT_FORMAT, "pdf", is_active=False, by=TERMINAL)
    assert "pdf" not in [value.key for value in lookups.active(LookupCategory.OUTPUT_FORMAT)]
    assert lookups.label(LookupCategory.OUTPUT_FORMAT, "pdf") == "PDF"
    assert lookups.label(LookupCategory.OUTPUT_FORMAT, "unheard-of") == "unheard-of"


def test_values_can_be_added_and_put_in_order(database):
    lookups.add(LookupCategory.REPORT_TYPE, "library-use", "Library use", by=TERMINAL)
    assert lookups.active(LookupCategory.REPORT_TYPE)[-1].key == "library-use"
    lookups.reorder(
        LookupCategory.REPORT_TYPE, ["library-use", *[v.key for v in lookups.every("report-type")][:-1]], by=TERMINAL
    )
    assert lookups.active(LookupCategory.REPORT_TYPE)[0].key == "library-use"


def test_a_malformed_or_repeated_value_is_refused(database):
    with pytest.raises(InvalidRequestError) as caught:
        lookups.add(LookupCategory.REPORT_TYPE, "Not Kebab", "x", by=TERMINAL)
    assert "key" in caught.value.fields
    with pytest.raises(ConflictError, match="already has"):
        lookups.add(LookupCategory.REPORT_TYPE, "transcript", "x", by=TERMINAL)
    with pytest.raises(NotFoundError):
        lookups.change(LookupCategory.REPORT_TYPE, "unheard-of", display_as="x", by=TERMINAL)


def test_values_are_read_again_only_after_their_time(database, settings_env, monkeypatch):
    from webapp.settings import get_settings

    settings_env.setenv("REPORTDESK_LOOKUP_CACHE_SECONDS", "60")
    get_settings.cache_clear()
    monkeypatch.setattr(LookupCache, "_is_fresh", AGES)
    # One of its own, of which nobody hears of a write: as another process has.
    elsewhere = LookupCache()

    def label() -> str:
        return elsewhere.category(LookupCategory.REPORT_TYPE)["transcript"].display_as

    assert label() == "Transcript"
    LookupValue.objects(category="report-type", key="transcript").update(set__display_as="Changed elsewhere")
    assert label() == "Transcript"
    later = elsewhere._read_at + 60.1
    monkeypatch.setattr("webapp.documents.lookup_value.time.monotonic", lambda: later)
    assert label() == "Changed elsewhere"


def test_permissions_are_the_union_of_active_roles(people):
    assert permissions.permissions_of(people.owner) == {"request-reports"}
    hold(people.owner, ["staff", "department-admin"])
    assert permissions.permissions_of(people.owner) == {"request-reports", "manage-department", "use-high-priority"}
    lookups.change(LookupCategory.ROLE, "department-admin", is_active=False, by=TERMINAL)
    assert permissions.permissions_of(people.owner) == {"request-reports"}
