"""What a report is called that nobody named, and what a list says of it: by what it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from webapp import statuses
from webapp.documents import LookupCategory, ReportJob, User
from webapp.documents.report_job import NAME_LENGTH
from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.declarations import ReportType
from webapp.messages import Message, from_document, to_document
from webapp.renderers.reader import shortened
from webapp.services.lookups import values as lookups
from webapp.services.plain_text import folded
from webapp.services.questions import filter_choices, in_words, part_words
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS, ChosenFilter
from webapp.services.questions.period import ALL, CUSTOM, PHRASES, Period
from webapp.services.questions.report_types import report_type_of
from webapp.services.questions.request import ReportRequest
from webapp.services.rights.data_scope import DataScope

#: More chosen values than this are told by their number.
NAMED = 2
#: A search looks into so much of what was asked.
LONGEST_WORDS = 400


@dataclass(frozen=True)
class Chip:
    """One thing that a report was narrowed by. `text` names the records, for those who may read them; `counted` says
    how many they are."""

    text: str
    counted: str

    def to_document(self) -> dict[str, Any]:
        return {"text": to_document(self.text), "counted": to_document(self.counted)}

    @classmethod
    def from_document(cls, stored: Any) -> Chip:
        return cls(from_document(stored.get("text")) or "", from_document(stored.get("counted")) or "")


def name(
    job: ReportJob, actor: User, request: ReportRequest, scope: DataScope, say: Callable[[str], str] = str
) -> None:
    """Give `job` the name of its question where it has none of its own, and what lists show and find it by. `say` tells
    a text in the language of whoever asks. Not saved."""
    job.named_by_question = not request.name
    if job.named_by_question:
        job.name = shortened(say(name_of(request, scope)), NAME_LENGTH)
    job.asked_for = [chip.to_document() for chip in chips_of(request, scope)]
    job.search_words = words_of(actor, request, scope, say)


def name_of(request: ReportRequest, scope: DataScope) -> Message:
    """“Completion rates by department, last 30 days”. Raises InvalidRequestError for a type without a declaration."""
    declared = report_type_of(request.report_type)
    chips = [chip.text for chip in _filters(request, scope)]
    return Message.joined([_subject(declared, request), *_period(request.period), *chips], ", ")


def chips_of(request: ReportRequest, scope: DataScope) -> list[Chip]:
    """The period, the filters and the number of conditions. Raises InvalidRequestError as `name_of`."""
    found = [Chip(text, text) for text in _period(request.period, is_alone=True)]
    found += _filters(request, scope)
    if request.conditions:
        text = Message.counted("%(num)s condition", "%(num)s conditions", len(request.conditions))
        found.append(Chip(text, text))
    return found


def words_of(actor: User, request: ReportRequest, scope: DataScope, say: Callable[[str], str] = str) -> str:
    """What a search finds it by beside its name: who asked, and the question, folded, in English and in the language of
    `say`. Learners are not in it, whoever searches."""
    unnamed = request.model_copy(update={"learner_ids": ()})
    asked = [actor.name, lookups.label(LookupCategory.REPORT_TYPE, request.report_type)]
    asked += [text for _, text in in_words.describe(unnamed, scope)]
    said = dict.fromkeys(word for text in asked for word in (*text.split(), *say(text).split()))
    return folded(" ".join(said))[:LONGEST_WORDS]


def _subject(declared: ReportType, request: ReportRequest) -> Message:
    """What is counted, by what; a single measure says it better than the report's type."""
    what = lookups.label(LookupCategory.REPORT_TYPE, request.report_type)
    if request.detail or (declared.detail_first and not request.group_by and not request.measures):
        return Message(what) if not isinstance(what, Message) else what
    if len(request.measures) == 1:
        what = in_words.measure_label(DATASETS[declared.dataset], request.measures[0])
    keys = [*(request.group_by or declared.group_by), *request.slicers]
    by = _and(_small(DIMENSIONS[key].label) for key in dict.fromkeys(keys) if key in DIMENSIONS)
    return Message("%(what)s by %(groups)s", what=what, groups=by) if by else Message.joined([what])


def _small(label: str) -> Message:
    return Message("%(label_)s", label=label)


def _and(texts: Iterable[str]) -> Message | str:
    *first, last = [*texts] or [""]
    return Message("%(first)s and %(last)s", first=in_words.listed(first), last=last) if first else last


def _period(period: Period, *, is_alone: bool = False) -> list[str]:
    if period.phrase == ALL:
        return [PHRASES[ALL]] if is_alone else []
    if period.phrase == CUSTOM:
        return [period.days_in_short()]
    phrase = PHRASES[period.phrase]
    if period.term:
        phrase = Message("%(phrase)s %(term)s", phrase=phrase, term=period.term)
    return [phrase if is_alone else _small(phrase)]


def _filters(request: ReportRequest, scope: DataScope) -> list[Chip]:
    """What the report type says of its rows by itself is not told again."""
    part = [] if not request.part else [Chip(part_words.in_words(request.part, scope), Message("one part"))]
    own = {
        (field, frozenset(values))
        for field, operator, values in report_type_of(request.report_type).where
        if operator == "in"
    }
    return part + [
        _chip(chosen, values, scope)
        for chosen in CHOSEN_FILTERS
        if (values := getattr(request, chosen.name)) and (chosen.dimension, frozenset(values)) not in own
    ]


def _chip(chosen: ChosenFilter, values: tuple[Any, ...], scope: DataScope) -> Chip:
    counted = Message("%(what)s: %(count)s", what=chosen.label, count=len(values))
    if chosen.kind:
        named = [each.name for each in filter_choices.named(chosen.kind, values[:NAMED], scope)]
    elif chosen.name == "event_types":
        named = [lookups.label(LookupCategory.ACTIVITY_EVENT, value) for value in values]
    else:
        named = [statuses.WORDS.get(value, value) for value in values]
    is_few = len(values) <= NAMED and len(named) == len(values)
    return Chip(
        in_words.listed(named) if is_few else counted, counted if chosen.kind else in_words.listed(named[:NAMED])
    )
