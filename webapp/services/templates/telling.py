"""A template in words: what it asks, as it is meant today, and what each version changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from bson import ObjectId

from webapp import clock
from webapp.documents import LookupCategory, ReportTemplate
from webapp.engine.charts import NO_CHART
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.lookups import values as lookups
from webapp.services.questions import in_words
from webapp.services.questions.chosen_filters import CHOSEN_FILTERS
from webapp.services.questions.period import FIELD, PHRASES, Period, today_in
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import organisation
from webapp.services.rights.data_scope import DataScope
from webapp.services.templates import facts, kept, versions

#: So many versions are told of at once.
VERSIONS_TOLD = 20
Told = list[tuple[str, str]]
_CHARTS = {
    "bar": Message("Bars"),
    "stacked-bar": Message("Stacked bars"),
    "line": Message("Line"),
    NO_CHART: Message("No chart"),
}
_OPTIONS = {
    "zip": Message("as a zip"),
    "meta": Message("with a file that says what it means"),
    "words": Message("with words beside keys"),
    "bom": Message("for old spreadsheet programs"),
}


@dataclass(frozen=True)
class Change:
    """One thing that a version says otherwise than the one before. An empty text: it said nothing of it."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class VersionTold:
    number: int
    saved_at: datetime | None
    saved_by: ObjectId | None
    changes: list[Change]


def question(request: ReportRequest, scope: DataScope, now: datetime | None = None) -> Told:
    """The question in words, its period as it is meant now, for somebody who may read `scope`.

    Where the period means nothing now (between terms), it is told as the phrase and why. Raises InvalidRequestError for
    a type without a declaration.
    """
    today = today_in(request.time_zone, now or clock.utcnow())
    try:
        return in_words.describe(request.meant_on(today), scope)
    except InvalidRequestError as error:
        if FIELD not in error.fields:
            raise
        told = in_words.describe(request.model_copy(update={"period": Period()}), scope)
        phrase = PHRASES[request.period.phrase]
        period = Message("%(phrase)s: %(problem)s", phrase=phrase, problem=error.fields[FIELD])
        # The period always stands second: what was told of it was not this one's.
        return [*told[:1], (told[1][0], period), *told[2:]]


def output(request: ReportRequest) -> Told:
    """How its reports are written, what they are called and who may see them, where that is not the usual."""
    told: Told = [(Message("Format"), lookups.label(LookupCategory.OUTPUT_FORMAT, request.format))]
    if request.options:
        options = (_OPTIONS.get(each, each) for each in sorted(request.options))
        told.append((Message("Options"), in_words.listed(options)))
    if request.chart:
        told.append((Message("Chart"), _CHARTS.get(request.chart, request.chart)))
    if request.filename:
        told.append((Message("File name"), request.filename))
    if request.name:
        told.append((Message("Reports are called"), request.name))
    if request.description:
        told.append((Message("Description of the reports"), request.description))
    if request.visibility != "private":
        told.append(
            (Message("Who may see the reports"), lookups.label(LookupCategory.REPORT_VISIBILITY, request.visibility))
        )
    if request.priority != "normal":
        told.append((Message("Priority"), lookups.label(LookupCategory.REPORT_PRIORITY, request.priority)))
    if request.department_id is not None:
        known = organisation.departments().get(request.department_id)
        told.append((Message("Filed under"), known.name if known else Message("a department that is gone")))
    return told


def history(template: ReportTemplate, scope: DataScope) -> list[VersionTold]:
    """The newest versions, the newest first, each with what it changed; of the first one nothing."""
    found = [template, *versions.earlier(template, VERSIONS_TOLD)]
    told = [
        VersionTold(new.version, new.saved_at, new.saved_by, changes(old, new, scope)) for new, old in pairwise(found)
    ]
    last = found[-1]
    if last.version == 1:
        told.append(VersionTold(1, last.saved_at, last.saved_by, []))
    return told[:VERSIONS_TOLD]


def changes(before: ReportTemplate, after: ReportTemplate, scope: DataScope) -> list[Change]:
    """What `after` says otherwise than `before`, for somebody who may read `scope`."""
    now = clock.utcnow()
    old, new = _everything(before, scope, now), _everything(after, scope, now)
    found = [
        Change(what, old.get(what, ""), new.get(what, ""))
        for what in dict.fromkeys([*old, *new])
        if old.get(what) != new.get(what)
    ]
    return found + [each for each in _hidden(before, after, scope) if each.what not in {known.what for known in found}]


def _everything(template: ReportTemplate, scope: DataScope, now: datetime) -> dict[str, str]:
    told: Told = [(Message("Name"), facts.name_of(template))]
    if template.description:
        told.append((Message("Description"), facts.description_of(template)))
    if template.tags:
        told.append((Message("Tags"), in_words.listed(template.tags)))
    try:
        request = kept.request_of(template)
        report_type = lookups.label(LookupCategory.REPORT_TYPE, request.report_type)
        told += [(Message("Report"), report_type), *question(request, scope, now), *output(request)]
    except InvalidRequestError as error:
        told.append((Message("Question"), str(error)))
    return _by_name(told)


def _by_name(told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Several lines of one name, such as conditions, are one text."""
    found: dict[str, list[str]] = {}
    for what, said in told:
        found.setdefault(what, []).append(said)
    return {what: said[0] if len(said) == 1 else Message.joined(said, "; ") for what, said in found.items()}


def _hidden(before: ReportTemplate, after: ReportTemplate, scope: DataScope) -> list[Change]:
    """Records that were exchanged for others which this person is not told the names of either."""
    try:
        old, new = kept.request_of(before), kept.request_of(after)
        told = dict(question(new, scope))
    except InvalidRequestError:
        return []  # told already, in words
    return [
        Change(chosen.label, told.get(chosen.label, ""), Message("others than before"))
        for chosen in CHOSEN_FILTERS
        if set(getattr(old, chosen.name)) != set(getattr(new, chosen.name))
    ]
