"""The ways of a request: to and from the job document, an address, the terminal. Each there and back is the same value.

An address is texts by name, which are the names of the form's fields. The terminal's options say the same texts.
`parameters.period` keeps the phrase beside what it meant: the days that `dateRange` keeps, as the LMS knows them, or
the term.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from bson import ObjectId
from pydantic import ValidationError

from webapp import clock
from webapp.clock import aware
from webapp.documents import JobStatus, Output, Parameters, ReportJob
from webapp.documents.ids import id_or_none
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.messages import Message
from webapp.services.questions import conditions, report_types
from webapp.services.questions.chosen_filters import KINDS_OF_RECORDS
from webapp.services.questions.period import ALL, CUSTOM, FIELD, FIRST_YEAR, LAST_YEAR, Period, today_in, zone_of
from webapp.services.questions.request import FIELDS, Condition, Kind, ReportRequest, Written, fault_name

Texts = dict[str, list[str]]
#: The columns of conditions stand side by side: an empty cell keeps its place. By the address of their field.
CONDITION_COLUMNS = {
    "where": ("where", "compare", "value"),
    "result": ("result", "result_compare", "result_value"),
}
#: The days of a custom period, beside its name.
FIRST_DAY, LAST_DAY = "start", "end"
FIRST_DAY_OPTION, LAST_DAY_OPTION = "--from", "--to"
WITH = "with_"
YES = "y"
_DATE_RANGE = "parameters.dateRange"
_TERM = "parameters.term"


# --- the job document -------------------------------------------------------------------------------------------------


def to_document(request: ReportRequest) -> dict[str, Any]:
    """As the job document keeps it, under the names of the LMS. What is not said is left out."""
    document: dict[str, Any] = {"parameters": {"filters": {}}, "output": {}}
    for name, written in FIELDS.items():
        value = getattr(request, name)
        if written.kind is Kind.PERIOD:
            _put(document, written.document, value.phrase)
            days = {"startDate": _midnight(value.first), "endDate": _midnight(value.last)}
            _put(document, _DATE_RANGE, {key: day for key, day in days.items() if day is not None} or None)
            _put(document, _TERM, value.term)
        elif written.kind is Kind.CONDITIONS:
            _put(document, written.document, [_stored_condition(each) for each in value])
        elif written.kind is Kind.OPTIONS:
            _put(document, written.document, dict.fromkeys(sorted(value), True))
        else:
            _put(document, written.document, list(value) if isinstance(value, tuple) else value)
    return document


def from_document(document: Mapping[str, Any]) -> ReportRequest:
    """The request that a job document keeps, whoever wrote it; fields of others do not disturb it.

    Raises InvalidRequestError for what no request can be, such as a limit that is no number.
    """
    given: dict[str, Any] = {}
    for name, written in FIELDS.items():
        value = _get(document, written.document)
        if written.kind is Kind.PERIOD:
            days = _get(document, _DATE_RANGE) or {}
            value = {"phrase": value, "first": _day_of(days.get("startDate")), "last": _day_of(days.get("endDate"))}
            value["term"] = _get(document, _TERM) or ""
        elif written.kind is Kind.OPTIONS:
            value = [key for key, wanted in (value or {}).items() if wanted]
        elif written.kind is Kind.MOMENT and isinstance(value, datetime):
            value = aware(value)
        if value is not None:
            given[name] = value
    return _made(given)


def from_job(job: ReportJob) -> ReportRequest:
    """What was asked for by `job`, its days as they were. Raises InvalidRequestError."""
    document: dict[str, Any] = {
        written.document: getattr(job, name) for name, written in FIELDS.items() if "." not in written.document
    }
    document |= {
        "parameters": job.parameters.to_mongo().to_dict() if job.parameters else {},
        "output": job.output.to_mongo().to_dict() if job.output else {},
    }
    if job.named_by_question:
        document["name"] = None
    # What is due at once keeps the moment of asking; what was queued, that moment; what is tried again, the next one.
    due, asked_at = job.scheduled_for, job.created_at
    is_waiting_for_it = job.status == JobStatus.PENDING and not job.attempts and due and asked_at
    if not is_waiting_for_it or aware(due) <= aware(asked_at):
        document["scheduledFor"] = None
    return from_document(document)


def job_fields(request: ReportRequest) -> dict[str, Any]:
    """The fields of a `ReportJob` that keep this request."""
    document = to_document(request)
    fields = {name: document.get(each.document) for name, each in FIELDS.items() if "." not in each.document}
    return fields | {
        "parameters": Parameters._from_son(document["parameters"]),
        "output": Output._from_son(document["output"]),
    }


def _stored_condition(condition: Condition) -> dict[str, Any]:
    value = condition.value
    return {
        "field": condition.field,
        "operator": condition.operator,
        "value": list(value) if isinstance(value, tuple) else value,
    }


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    if value in (None, "", [], {}):
        return
    *places, last = path.split(".")
    for place in places:
        document = document.setdefault(place, {})
    document[last] = value


def _get(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for place in path.split("."):
        value = value.get(place) if isinstance(value, Mapping) else None
    return value


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=UTC) if day else None


def _day_of(moment: Any) -> Any:
    return moment.date() if isinstance(moment, datetime) else moment


# --- an address, and the form whose fields have its names -------------------------------------------------------------


def to_address(request: ReportRequest) -> Texts:
    """The arguments of the form's address. What a period meant is not among them: who opens it means today's."""
    zone = zone_of(request.time_zone)
    texts: Texts = {}
    for name, written in FIELDS.items():
        value = getattr(request, name)
        if written.kind is Kind.PERIOD:
            texts[written.address] = [value.phrase]
            if value.phrase == CUSTOM:
                texts[FIRST_DAY] = [value.first.isoformat()] if value.first else []
                texts[LAST_DAY] = [value.last.isoformat()] if value.last else []
        elif written.kind is Kind.CONDITIONS:
            dataset = report_types.dataset_or_none(request.report_type)
            typed = (
                [conditions.written(each, zone, dataset) for each in value]
                if name == "conditions"
                else [conditions.written_result(each, dataset) for each in value]
            )
            cells = ([each.field, each.operator, each.value] for each in typed)
            columns = CONDITION_COLUMNS[written.address]
            texts |= dict(zip(columns, map(list, zip(*cells, strict=True)), strict=False))
        elif written.kind is Kind.OPTIONS:
            texts |= {f"{WITH}{each}": [YES] for each in sorted(value)}
        else:
            texts[written.address] = _texts(written, value, zone)
    return {name: found for name, found in texts.items() if found}


def from_address(
    given: Mapping[str, Sequence[str]],
    *,
    time_zone: str,
    now: datetime | None = None,
    words: Mapping[str, Any] | None = None,
) -> ReportRequest:
    """The request that these arguments, or these fields of the form, ask for: a period as it is meant now.

    `time_zone` is the zone of an address that names none. Raises InvalidRequestError with every fault, each under the
    name of its field, and for a report type that nobody has declared.
    """
    first = {name: texts[0].strip() for name, texts in given.items() if texts}
    zone_name = first.get("time_zone") or time_zone
    zone = zone_of(zone_name)
    today = today_in(zone_name, now or clock.utcnow())
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, written in FIELDS.items():
        try:
            if written.kind is Kind.PERIOD:
                values[name] = _period(first, written, today)
            elif written.kind is Kind.CONDITIONS:
                values[name] = _conditions(given, written, first.get("type", ""), zone, words)
            elif written.kind is Kind.OPTIONS:
                wanted = (each for each, text in first.items() if each.startswith(WITH) and _is_yes(text))
                values[name] = [each.removeprefix(WITH) for each in wanted]
            elif (value := _value(written, given.get(written.address, ()), zone)) is not None:
                values[name] = value
        except InvalidRequestError as error:
            faults |= error.fields
        except _NotReadableError as error:
            faults[fault_name(name)] = error.args[0]
    if faults:
        raise InvalidRequestError(faults)
    return _made({**values, "time_zone": zone_name})


class _NotReadableError(ValueError):
    """A text that is none of its kind, in words."""


def _texts(written: Written, value: Any, zone: ZoneInfo) -> list[str]:
    match written.kind:
        case Kind.FLAG:
            return [YES] if bool(value) is not written.is_denied else []
        case Kind.IDS | Kind.TEXTS:
            return [str(each) for each in value]
        case Kind.MOMENT:
            return [_moment_text(value, zone)] if value is not None else []
    return [str(value)] if value not in (None, "") else []


def _value(written: Written, texts: Sequence[str], zone: ZoneInfo) -> Any:
    """What `texts` say; None where they say nothing."""
    said = [each.strip() for each in texts if each.strip()]
    if written.kind is Kind.FLAG:
        return any(_is_yes(each) for each in said) is not written.is_denied
    if written.kind is Kind.TEXTS:
        return said
    if written.kind is Kind.IDS:
        return [_id(each) for each in said]
    if not said:
        return None
    readers: dict[Kind, Callable[[str], Any]] = {
        Kind.ID: _id,
        Kind.NUMBER: _number,
        Kind.MOMENT: lambda text: _moment(text, zone),
    }
    return readers.get(written.kind, str)(said[0])


def _period(first: Mapping[str, str], written: Written, today: date) -> Period:
    start, end = first.get(FIRST_DAY, ""), first.get(LAST_DAY, "")
    phrase = first.get(written.address) or (CUSTOM if start or end else ALL)
    own = (_day(start), _day(end)) if phrase == CUSTOM else (None, None)
    return Period.of(phrase, today, own)


def _conditions(
    given: Mapping[str, Sequence[str]],
    written: Written,
    report_type: str,
    zone: ZoneInfo,
    words: Mapping[str, Any] | None,
) -> list[Condition]:
    typed = conditions.rows(*(given.get(column, ()) for column in CONDITION_COLUMNS[written.address]))
    if not typed:
        return []
    dataset = report_types.dataset_of_type(report_type)
    if written.address == "result":
        found, problems = conditions.read_results(typed, dataset)
    else:
        found, problems = conditions.read(typed, dataset, zone, words)
    if problems:
        raise _NotReadableError(Message.joined(problems))
    return found


def _is_yes(text: str) -> bool:
    return text not in ("", "false")


def _id(text: str) -> ObjectId:
    found = id_or_none(text)
    if found is None:
        raise _NotReadableError(Message("“%(value)s” is not the id of a record.", value=text[:60]))
    return found


def _number(text: str) -> int:
    if not text.removeprefix("-").isdecimal() or len(text) > 15:
        raise _NotReadableError(Message("“%(value)s” is not a whole number.", value=text[:60]))
    return int(text)


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        problem = Message("“%(value)s” is not a day, such as 2026-09-01.", value=text[:60])
        raise InvalidRequestError({FIELD: problem}) from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A moment on the clocks of `zone`, or with its own offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _NotReadableError(Message("“%(value)s” is not a moment, such as 2026-09-01T06:00.", value=text[:60]))
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _moment_text(moment: datetime, zone: ZoneInfo) -> str:
    """On the clocks of `zone`; in the hour that these show twice with its offset where the first would be meant."""
    there = moment.astimezone(zone)
    clock_text = there.replace(tzinfo=None).isoformat(timespec="seconds" if there.second else "minutes")
    return clock_text if _moment(clock_text, zone).astimezone(UTC) == moment.astimezone(UTC) else there.isoformat()


# --- the terminal -----------------------------------------------------------------------------------------------------


def to_options(request: ReportRequest) -> list[str]:
    """The options of `reportdesk report` that ask for this."""
    texts = to_address(request)
    options: list[str] = []
    for written in FIELDS.values():
        if written.kind is Kind.CONDITIONS:
            columns = CONDITION_COLUMNS[written.address]
            for cells in zip(*(texts.get(column, []) for column in columns), strict=True):
                options += [written.option, *cells]
        elif written.kind is Kind.OPTIONS:
            options += [f"{written.option}={each.removeprefix(WITH)}" for each in texts if each.startswith(WITH)]
        elif written.kind is Kind.FLAG:
            options += [written.option] if texts.get(written.address) else []
        else:
            options += [f"{written.option}={each}" for each in texts.get(written.address, ())]
        if written.kind is Kind.PERIOD:
            days = ((FIRST_DAY_OPTION, FIRST_DAY), (LAST_DAY_OPTION, LAST_DAY))
            options += [f"{option}={texts[name][0]}" for option, name in days if name in texts]
    return options


def to_command(request: ReportRequest) -> str:
    """The command that asks for this, to be copied into a terminal."""
    return shlex.join(["reportdesk", "report", *to_options(request)])


def from_options(
    given: Mapping[str, Any], *, find: Callable[[str, str], ObjectId], now: datetime | None = None
) -> ReportRequest:
    """The request that the terminal's options ask for: `given` by the fields' names, as `click` has read them.

    `find(kind, text)` gives the id of what a person named by a code. Raises InvalidRequestError.
    """
    texts: Texts = {name: [given[name]] for name in (FIRST_DAY, LAST_DAY) if given.get(name)}
    faults: dict[str, str] = {}
    for name, written in FIELDS.items():
        value = given.get(name)
        if not value:
            continue
        said = [str(each) for each in (value if isinstance(value, list | tuple) else [value])]
        if written.kind is Kind.CONDITIONS:
            columns = CONDITION_COLUMNS[written.address]
            texts |= {column: [row[n] for row in value] for n, column in enumerate(columns)}
        elif written.kind is Kind.OPTIONS:
            texts |= {f"{WITH}{each}": [YES] for each in said}
        elif name in KINDS_OF_RECORDS:
            try:
                texts[written.address] = [str(find(KINDS_OF_RECORDS[name], each)) for each in said]
            except (NotFoundError, InvalidRequestError) as error:
                faults[fault_name(name)] = str(error)
        else:
            texts[written.address] = said
    if faults:
        raise InvalidRequestError(faults)
    usual = ReportRequest.model_fields["time_zone"].get_default(call_default_factory=True)
    return from_address(texts, time_zone=usual, now=now)


def _made(given: Mapping[str, Any]) -> ReportRequest:
    try:
        return ReportRequest(**given)
    except ValidationError as error:
        faults = {}
        for each in error.errors(include_url=False, include_context=False):
            name = str(each["loc"][0]) if each["loc"] else ""
            told = str(each.get("input"))[:60]
            faults[fault_name(name) if name in FIELDS else name] = Message(
                "“%(value)s” cannot be asked for as “%(field)s”.", value=told, field=name
            )
        raise InvalidRequestError(faults) from error
