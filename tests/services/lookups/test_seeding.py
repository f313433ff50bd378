"""What a start writes to lookup values that are there already: what nobody has changed follows the program."""

from __future__ import annotations

from typing import Any

import pytest

from webapp.documents import LookupCategory, LookupValue
from webapp.documents.job_status import STATES
from webapp.engine.catalogue import DIMENSIONS, MEASURE_TYPES, REPORT_TYPES
from webapp.messages import Message
from webapp.renderers import FORMATS
from webapp.services.lookups import former_seeds, seeding
from webapp.services.lookups import values as lookups
from webapp.services.lookups.activity_events import ACTIVITY_EVENTS
from webapp.services.lookups.seed import SEEDS
from webapp.services.permissions import TERMINAL

OLD_TEXT = "Who was active, when, and with what."
NEW_TEXT = REPORT_TYPES["learner-activity"].description


def stored(category: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = LookupValue._get_collection().find_one({"category": category, "key": key})
    return found


def as_seeded_before(category: str, key: str, **fields: Any) -> None:
    """The value as an installation has it that was made before values remembered what they were seeded with."""
    LookupValue._get_collection().update_one(
        {"category": category, "key": key}, {"$set": fields, "$unset": {"seeded": ""}}
    )


def test_the_seeds_are_what_the_program_declares() -> None:
    declared = {
        LookupCategory.REPORT_TYPE: {key: (each.label, each.description) for key, each in REPORT_TYPES.items()},
        LookupCategory.REPORT_STATUS: {key: (each.label, each.description) for key, each in STATES.items()},
        LookupCategory.OUTPUT_FORMAT: {key: (each.label, each.description) for key, each in FORMATS.items()},
        LookupCategory.MEASURE_TYPE: {key: (each.label, each.definition) for key, each in MEASURE_TYPES.items()},
        LookupCategory.DIMENSION_ENTITY: {
            key: (each.label, each.what) for key, each in DIMENSIONS.items() if each.what
        },
        LookupCategory.ACTIVITY_EVENT: {each.key: (each.label, "") for each in ACTIVITY_EVENTS},
    }
    for category, values in declared.items():
        assert {key: (label, text) for key, label, text, _ in SEEDS[category]} == values
    for category, values in SEEDS.items():
        for key, label, text, _ in values:
            # Both are said in the reader's language.
            assert isinstance(label, Message), (category, key)
            assert not text or isinstance(text, Message), (category, key)


def test_a_text_that_nobody_changed_follows_the_program(database: Any) -> None:
    as_seeded_before("report-type", "learner-activity", description=OLD_TEXT)
    assert lookups.seed() == 0
    assert lookups.description(LookupCategory.REPORT_TYPE, "learner-activity") == NEW_TEXT
    assert isinstance(lookups.description(LookupCategory.REPORT_TYPE, "learner-activity"), Message)
    assert stored("report-type", "learner-activity")["seeded"]["description"] == NEW_TEXT


def test_a_text_that_an_administrator_changed_stays_for_ever(database: Any) -> None:
    as_seeded_before("report-type", "learner-activity", description="Who did what.", displayAs="Activity")
    for _ in range(2):
        lookups.seed()
        found = stored("report-type", "learner-activity")
        assert (found["description"], found["displayAs"]) == ("Who did what.", "Activity")


def test_each_field_is_judged_by_itself(database: Any) -> None:
    as_seeded_before("report-type", "learner-activity", description=OLD_TEXT, displayAs="Activity")
    lookups.seed()
    found = stored("report-type", "learner-activity")
    assert (found["description"], found["displayAs"]) == (NEW_TEXT, "Activity")


def test_what_is_seeded_otherwise_in_a_later_version_is_written_where_it_was_not_changed(database: Any) -> None:
    values = LookupValue._get_collection()
    earlier = {"displayAs": "Parkett", "description": "Old.", "metadata": {"mimeType": "text/old", "extension": "pq"}}
    values.update_one({"category": "output-format", "key": "parquet"}, {"$set": {**earlier, "seeded": earlier}})
    values.update_one(
        {"category": "output-format", "key": "parquet"}, {"$set": {"metadata.extension": "par", "description": "Ours."}}
    )
    lookups.seed()
    found = stored("output-format", "parquet")
    assert (found["displayAs"], found["description"]) == ("Parquet", "Ours.")
    assert found["metadata"] == {"mimeType": "application/vnd.apache.parquet", "extension": "par"}


def test_measures_no_longer_say_that_they_apply_to_certificates_which_have_no_number(database: Any) -> None:
    every = ["enrollments", "activity", "assessments", "scorm-attempts", "certificates", "classes"]
    as_seeded_before("measure-type", "sum", **{"metadata.applicableTo": every})
    lookups.seed()
    assert "certificates" not in stored("measure-type", "sum")["metadata"]["applicableTo"]


def test_what_another_program_seeded_in_its_own_words_stays(database: Any) -> None:
    as_seeded_before("output-format", "pdf", displayAs="Portable document", metadata={}, description=None)
    lookups.seed()
    found = stored("output-format", "pdf")
    assert (found["displayAs"], found["description"], found["metadata"]) == ("Portable document", None, {})


def test_seeding_again_writes_nothing(database: Any) -> None:
    before = list(LookupValue._get_collection().find({}).sort("_id", 1))
    lookups.seed()
    assert list(LookupValue._get_collection().find({}).sort("_id", 1)) == before
    for category, seeds in SEEDS.items():
        for seed in seeds:
            assert seeding.changes(category, stored(category, seed[0]), seed) == {}


def test_what_an_administrator_saves_meanwhile_is_not_written_over(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_seeded_before("report-type", "learner-activity", description=OLD_TEXT)
    judge = seeding.changes

    def saved_meanwhile(category: LookupCategory, found: Any, seed: Any) -> dict[str, Any]:
        if seed[0] == "learner-activity":
            lookups.change("report-type", "learner-activity", description="Mine.", by=TERMINAL)
        return judge(category, found, seed)

    monkeypatch.setattr(seeding, "changes", saved_meanwhile)
    lookups.seed()
    assert stored("report-type", "learner-activity")["description"] == "Mine."
    monkeypatch.undo()
    lookups.seed()
    assert stored("report-type", "learner-activity")["description"] == "Mine."


def test_every_former_text_is_of_a_value_that_is_still_seeded_and_is_no_longer_its_text() -> None:
    for category, texts in former_seeds._DESCRIPTIONS.items():
        now = {key: text for key, _, text, _ in SEEDS[category]}
        for key, text in texts.items():
            assert now[key] != text
