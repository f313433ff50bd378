"""The standard's rules: what keeps them all is taken without a word, what breaks one never is; values as plain
reference code reads them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.sources.xapi.gathering import CLASSES, Gathered, statement
from webapp.sources.xapi import rules
from webapp.sources.xapi.rows import Rows
from webapp.sources.xapi.values import instant, quick_instant, score, seconds

names = st.text("abcdefghij -.", min_size=1, max_size=8).filter(str.strip)
iris = st.builds("https://{}.example/{}".format, st.text("abcxyz", min_size=1, max_size=5), st.integers(0, 99))
uuids = st.uuids().map(str)
languages = st.sampled_from(
    ["en", "de-AT", "zh-Hant", "sr-Latn-RS", "es-419", "i-klingon", "de-1996", "x-own", "en-a-bb"]
)
language_maps = st.dictionaries(languages, names, max_size=2)
extensions = st.dictionaries(iris, st.none() | st.integers(-9, 9) | names | st.lists(st.none(), max_size=1), max_size=2)
identifiers = st.one_of(
    st.fixed_dictionaries({"mbox": st.builds("mailto:{}@x.example".format, st.text("abc", min_size=1, max_size=4))}),
    st.fixed_dictionaries({"mbox_sha1sum": st.text("0123456789abcdef", min_size=40, max_size=40)}),
    st.fixed_dictionaries({"openid": iris}),
    st.fixed_dictionaries({"account": st.fixed_dictionaries({"homePage": iris, "name": names})}),
)


def both(left: st.SearchStrategy[Any], right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda a, b: {**a, **b}, left, right)


agents = both(identifiers, st.fixed_dictionaries({}, optional={"name": names, "objectType": st.just("Agent")}))
members = st.fixed_dictionaries({"objectType": st.just("Group"), "member": st.lists(agents, min_size=1, max_size=2)})
groups = members | both(members, identifiers)
definitions = st.fixed_dictionaries(
    {}, optional={"name": language_maps, "description": language_maps, "type": iris, "moreInfo": iris, "extensions": extensions}
)  # fmt: skip
choices = st.lists(names, unique=True, max_size=3).map(lambda found: [{"id": each} for each in found])
interactions = st.fixed_dictionaries(
    {"interactionType": st.just("choice")}, optional={"choices": choices, "correctResponsesPattern": st.lists(names)}
)
activities = st.fixed_dictionaries(
    {"id": iris}, optional={"definition": definitions | interactions, "objectType": st.just("Activity")}
)
verbs = st.fixed_dictionaries({"id": iris}, optional={"display": language_maps})
references = st.fixed_dictionaries({"objectType": st.just("StatementRef"), "id": uuids})
scores = st.builds(
    lambda low, part, width, scaled: {"scaled": scaled, "raw": low + part * width, "min": low, "max": low + width},
    st.integers(-50, 50),
    st.sampled_from([0, 0.25, 0.5, 1]),
    st.integers(1, 100),
    st.floats(-1, 1),
)
durations = st.sampled_from(["PT1.5S", "PT1,5S", "P3W", "P1DT2H", "P1Y2M3DT4H5M6S", "PT0S"])
results = st.fixed_dictionaries(
    {},
    optional={
        "score": scores, "success": st.booleans(), "completion": st.booleans(), "response": names,
        "duration": durations, "extensions": extensions,
    },
)  # fmt: skip
places = st.dictionaries(
    st.sampled_from(["parent", "grouping", "category", "other"]), activities | st.lists(activities, max_size=2)
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "registration": uuids, "instructor": agents | groups, "team": groups, "contextActivities": places,
        "language": languages, "statement": references, "extensions": extensions,
    },
)  # fmt: skip
moments = st.datetimes(datetime(1901, 1, 1), datetime(2198, 12, 31))  # noqa: DTZ001
timestamps = st.builds(
    lambda moment, form: moment.strftime(form) + "Z", moments, st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f"])
)  # fmt: skip
attachments = st.lists(
    st.fixed_dictionaries(
        {"usageType": iris, "display": language_maps, "contentType": st.just("text/plain"), "length": st.integers(0, 9),
         "sha2": st.just("ab" * 32)},
        optional={"fileUrl": iris, "description": language_maps},
    ),
    max_size=1,
)  # fmt: skip
inner = both(
    st.fixed_dictionaries(
        {"objectType": st.just("SubStatement"), "actor": agents, "verb": verbs, "object": activities}
    ),
    st.fixed_dictionaries({}, optional={"result": results, "context": contexts, "timestamp": timestamps}),
)
statements = st.fixed_dictionaries(
    {"id": uuids, "actor": agents, "verb": verbs, "object": activities | agents.map(lambda a: {**a, "objectType": "Agent"})
     | groups | references | inner, "timestamp": timestamps},
    optional={
        "result": results, "context": contexts, "stored": timestamps, "authority": agents, "attachments": attachments,
        "version": st.sampled_from(["1.0", "1.0.0", "1.0.3", "2.0.0"]),
    },
)  # fmt: skip


def taken(*found: Any) -> Gathered:
    staging = Gathered(classes=CLASSES)
    rows = Rows(staging)  # type: ignore[arg-type]
    for place, each in enumerate(found, start=1):
        rows.take("x", place, copy.deepcopy(each))
    rows.finish()
    return staging


def is_told(staging: Gathered) -> bool:
    return bool(staging.refused or staging.broken)


quick = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(statements)
def test_a_statement_that_keeps_every_rule_is_taken_without_a_word(found: dict[str, Any]) -> None:
    staging = taken(found)
    assert not staging.refused
    assert not staging.broken
    assert len(staging.events) == 1
    rules.check_statement(found)


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        for name in path[:-1]:
            found = found.setdefault(name, {})
        found[path[-1]] = value

    return change


BREAKS = {
    "an unknown property": _set("Result", value={}),
    "null": _set("context", value=None),
    "id": _set("id", value="7d4c0f1e-9a55-4c1b-8a55"),
    "no actor": _set("actor", value={"name": "x"}),
    "two identifiers": _set("actor", value={"mbox": "mailto:a@b.example", "openid": "https://x.example/1"}),
    "an unknown property of the actor": _set("actor", "age", value=4),
    "an address": _set("actor", value={"mbox": "a@b.example"}),
    "a verb without a scheme": _set("verb", value={"id": "x.example/verb"}),
    "a space in an IRI": _set("verb", value={"id": "https://x.example/a b"}),
    "a percent sign in an IRI": _set("verb", value={"id": "https://x.example/%zz"}),
    "a language": _set("verb", "display", value={"english_": "x"}),
    "an extension twice in a language": _set("verb", "display", value={"en-a-bb-a-cc": "x"}),
    "a text that is none": _set("verb", "display", value={"en": 4}),
    "an object type": _set("object", "objectType", value="activity"),
    "a score as text": _set("result", "score", value={"scaled": "0.5"}),
    "a scaled score": _set("result", "score", value={"scaled": 1.01}),
    "a raw score": _set("result", "score", value={"raw": 11, "max": 10}),
    "a least and a most": _set("result", "score", value={"min": 5, "max": 5}),
    "a truth as text": _set("result", "success", value="true"),
    "a duration": _set("result", "duration", value="P4W1D"),
    "an extension's name": _set("result", "extensions", value={"clicks": 1}),
    "a registration": _set("context", "registration", value="7"),
    "a context's place": _set("context", "contextActivities", value={"Parent": []}),
    "a team of one": _set("context", "team", value={"mbox": "mailto:a@b.example"}),
    "an offset that is none": _set("timestamp", value="2026-01-01T00:00:00-00:00"),
    "a day that is none": _set("timestamp", value="2026-02-30T00:00:00Z"),
    "stored": _set("stored", value="yesterday"),
    "a version": _set("version", value="1.1.0"),
    "an authority": _set("authority", value={"objectType": "Group", "member": [{"mbox": "mailto:a@b.example"}]}),
    "an attachment": _set("attachments", value=[{"usageType": "https://x.example"}]),
}


@settings(quick, max_examples=examples(15))
@given(found=statements.filter(lambda each: "id" in each["object"]))
@pytest.mark.parametrize("name", BREAKS)
def test_a_statement_that_breaks_one_rule_is_never_taken_silently(name: str, found: dict[str, Any]) -> None:
    broken = copy.deepcopy(found)
    BREAKS[name](broken)
    assert is_told(taken(broken)), broken


@given(statements)
@settings(quick, max_examples=examples(40))
def test_a_property_without_a_value_is_never_taken_silently(found: dict[str, Any]) -> None:
    for name in found:
        assert is_told(taken({**found, name: None}))


def test_what_is_remembered_of_one_statement_does_not_excuse_the_next() -> None:
    agent = {"objectType": "Agent", "mbox": "mailto:a@b.example"}
    context = {"platform": "x", "contextAgents": [{"objectType": "contextAgent", "agent": agent}]}
    found = [
        statement(1, context=context),
        statement(2, context=context, object=agent),
        statement(3, context=context, version="1.0.3"),
        statement(4, context=context, version="2.0.0"),
        statement(5, timestamp="2026-01-01T00:00:00"),
        statement(6, timestamp="2026-01-01T00:00:00", version="2.0.0"),
    ]
    assert [line for _, line, _ in taken(*found).broken] == [2, 3, 6]


@given(moments, st.integers(-14 * 4, 14 * 4), st.sampled_from([3, 6]))
def test_a_timestamp_is_the_instant_that_the_calendar_says(moment: datetime, quarters: int, digits: int) -> None:
    zone = timezone(timedelta(minutes=15 * quarters))
    text = moment.replace(tzinfo=zone).isoformat(timespec="milliseconds" if digits == 3 else "microseconds")
    expected = (moment - timedelta(minutes=15 * quarters)).replace(tzinfo=UTC)
    expected = expected.replace(microsecond=expected.microsecond // 1000 * 1000)
    assert instant(text) == quick_instant(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260203T040506Z", "2026-02-03 04:05:06"),
        ("2026-034T04:05:06Z", "2026-02-03 04:05:06"),
        ("2026-W06-2T04:05:06+00", "2026-02-03 04:05:06"),
        ("2026-02-03T24:00:00Z", "2026-02-04 00:00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00"),
        ("2026-02-03T04,5Z", "2026-02-03 04:30:00"),
        ("2026-02-03T04:05.5Z", "2026-02-03 04:05:30"),
        ("2026-02-03T04:05:06,7+0100", "2026-02-03 03:05:06"),
    ],
)
def test_other_forms_of_iso_8601_are_read(text: str, expected: str) -> None:
    assert f"{instant(text):%F %T}" == expected


@pytest.mark.parametrize(
    "text", ["2026-02-30T00:00:00Z", "2026-01-01T10:00:60Z", "2026-366T00:00:00Z", "soon", "", None, 4]
)
def test_what_is_no_instant_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="timestamp"):
        instant(text)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), st.integers(0, 99), st.sampled_from(".,"))
def test_a_duration_is_its_parts_added_up(parts: list[int], hundredths: int, mark: str) -> None:
    days, hours, minutes, whole = parts
    text = f"P{days}DT{hours}H{minutes}M{whole}{mark}{hundredths:02}S"
    expected = Fraction(days * 86_400 + hours * 3_600 + minutes * 60 + whole) + Fraction(hundredths, 100)
    value, note = seconds(text)
    assert value == pytest.approx(float(expected))
    assert not note


@pytest.mark.parametrize(
    "text", [f"PT{'9' * 400}H", "-PT5M", "PT", "P", "PT1H-5M", "PT1e9S", "PTinfS", "five minutes", 5]
)
def test_a_duration_that_is_none_is_left_out_and_said(text: Any) -> None:
    value, note = seconds(text)
    assert value is None
    assert note


def test_digits_beyond_the_millisecond_are_cut() -> None:
    for digits in ("1239", "123999", "123999999", "123999999999"):
        assert instant(f"2026-02-03T08:00:00.{digits}Z").microsecond == 123_000


@given(st.integers(-100, 100), st.integers(1, 100), st.integers(-300, 300))
def test_a_raw_score_is_its_share_of_the_range(least: int, width: int, raw: int) -> None:
    value, note = score({"raw": raw, "min": least, "max": least + width})
    expected = Fraction(raw - least, width) * 100
    assert value == pytest.approx(float(expected))
    assert bool(note) == (expected < 0 or expected > 100)


def test_what_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    staging = taken(statement(result={"extensions": {"https://x.example/deep": deep}}), statement(2))
    assert [line for _, line, _ in staging.refused] == [1]
    assert len(staging.events) == 1
