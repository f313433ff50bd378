"""The desk's own templates: one for each report type, written once, and never over what an administrator says."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.factories import People
from webapp.documents import LookupCategory, LookupValue, ReportTemplate
from webapp.engine.catalogue.report_types import REPORT_TYPES
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.permissions import TERMINAL
from webapp.services.templates import facts, saving, seeding, seeing, sharing, using
from webapp.services.templates.saving import Texts


def stored() -> list[dict[str, Any]]:
    return sorted(ReportTemplate._get_collection().find({}), key=lambda each: str(each["_id"]))


def test_each_report_type_has_a_template_that_everyone_who_may_ask_can_use_at_once(people: People) -> None:
    assert seeding.seed() == len(REPORT_TYPES)
    found = seeing.visible_templates(people.stranger)
    assert {each.report_type for each in found} == set(REPORT_TYPES)
    for each in found:
        assert using.problems_of(people.stranger, template := seeing.find(each.id), template) == [], each.name
        job = using.use(people.stranger, each.id)
        assert (job.report_type, job.visibility, job.template_version) == (each.report_type, "private", 1)
        assert isinstance(facts.name_of(each), Message)
        assert isinstance(facts.description_of(each), Message)


def test_its_days_are_those_of_whoever_uses_it(people: People) -> None:
    seeding.seed()
    activity = next(each for each in seeing.visible_templates(people.owner) if each.report_type == "learner-activity")
    people.owner.time_zone = "Asia/Kathmandu"
    job = using.use(people.owner, activity.id)
    assert (job.parameters.time_zone, job.parameters.period) == ("Asia/Kathmandu", "last-30-days")


def test_doing_it_again_changes_nothing(people: People) -> None:
    seeding.seed()
    before = stored()
    assert seeding.seed() == 0
    assert stored() == before


def test_what_an_administrator_changed_or_retired_stays_and_the_rest_follows_the_program(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding.seed()
    by_type = {each.report_type: each.id for each in facts.every()}
    saving.edit(people.administrator, by_type["completion-rates"], 1, texts=Texts("Our rates"))
    sharing.retire(people.administrator, by_type["scorm-attempts"])
    monkeypatch.setattr(seeding, "_USUAL_PERIOD", "this-year")
    monkeypatch.setattr(seeding, "_PERIODS", {})
    assert seeding.seed() == 0
    found = {each.report_type: each for each in facts.every()}
    ours = found["completion-rates"]
    assert (ours.name, ours.version, ours.period) == ("Our rates", 2, "academic-year")
    assert (found["scorm-attempts"].is_active, found["scorm-attempts"].period) == (False, "this-year")
    assert {each.period for key, each in found.items() if key != "completion-rates"} == {"this-year", "all"}
    assert {key: found[key].period for key in ("transcript", "overdue-enrollments", "last-access")} == {
        "transcript": "all", "overdue-enrollments": "all", "last-access": "all",
    }  # fmt: skip
    old = seeing.version_of(seeing.find(by_type["learner-activity"]), 1)
    assert (old.parameters.period, old.is_latest) == ("last-30-days", False)  # a schedule of this version goes on
    before = stored()
    seeding.seed()
    assert stored() == before


def test_a_type_that_an_administrator_added_has_one_too_and_one_that_is_not_offered_has_none(people: People) -> None:
    meaning = {"basedOn": "completion-rates"}
    lookups.add(LookupCategory.REPORT_TYPE.value, "board-rates", "Board rates", metadata=meaning, by=TERMINAL)
    LookupValue.objects(key="transcript").update(set__is_active=False)
    seeding.seed()
    types = {each.report_type: each for each in facts.every()}
    assert types["board-rates"].name == "Board rates"
    assert "transcript" not in types


def test_a_template_that_is_renamed_with_its_type_follows_and_is_no_text_of_the_program(people: People) -> None:
    seeding.seed()
    lookups.change("report-type", "transcript", display_as="Record of study", by=TERMINAL)
    seeding.seed()
    found = next(each for each in facts.every() if each.report_type == "transcript")
    assert (facts.name_of(found), type(facts.name_of(found))) == ("Record of study", str)
    assert dataclasses.replace(found, name="Mine").is_system
