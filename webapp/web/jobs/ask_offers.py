"""What the form that asks for a report offers in its lists, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask_babel import gettext, ngettext

from webapp.documents import LookupCategory, User
from webapp.documents.ids import id_or_none, ids_of
from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.declarations import Dataset, ReportType, Unit
from webapp.engine.fields import fields_for
from webapp.services.lookups import values as lookups
from webapp.services.questions import filter_choices, in_words, report_types
from webapp.services.questions import terms as all_terms
from webapp.services.requests import rules as request_rules
from webapp.services.rights import organisation
from webapp.services.rights.data_scope import DataScope
from webapp.web.formatting import describe, label
from webapp.web.languages import in_readers_language as said
from webapp.web.zones import all_zones, zone_names

Choices = list[tuple[str, str]]
#: Of so many departments, courses or classes a list is still read; of more, one searches.
MOST_LISTED = 200


@dataclass(frozen=True)
class MeasureChoice:
    key: str
    label: str
    definition: str


@dataclass(frozen=True)
class Records:
    """The records that a filter offers. `left_out` says that some chosen ones are not among them."""

    choices: Choices
    is_searched: bool
    left_out: str = ""


def of_category(category: LookupCategory) -> Choices:
    return [(each.key, label(category, each.key)) for each in lookups.active(category)]


def records(kind: str, chosen: Sequence[str], scope: DataScope) -> Records:
    """Few ones are all offered; of many, those already chosen, and the page searches for more."""
    ids = list(dict.fromkeys(ids_of(chosen)))
    offered = filter_choices.every(kind, scope) if kind in ("department", "course", "class") else []
    is_searched = kind in ("learner", "content") or len(offered) > MOST_LISTED
    named = filter_choices.named(kind, ids, scope)
    known = {choice.id: choice for choice in [*named, *([] if is_searched else offered)]}
    choices = [
        (str(choice.id), f"{choice.name} ({choice.note})" if choice.note else choice.name) for choice in known.values()
    ]
    # More than are named at once are kept all the same: their number is told when they are asked for.
    unnamed = ids[filter_choices.MOST_NAMED :]
    choices += [(str(each), str(each)) for each in unnamed if each not in known]
    gone = len(ids) - len(named) - len(unnamed)
    left_out = ngettext(
        "%(num)s that was chosen does not exist here and is left out.",
        "%(num)s that were chosen do not exist here and are left out.",
        gone,
    )
    return Records(choices, is_searched, left_out if gone else "")


def terms(chosen: Sequence[str]) -> Choices:
    """The newest first; one that is chosen and that no class names any more is kept, and judged like the others."""
    known = sorted(all_terms.every(), key=lambda term: term.starts_on, reverse=True)
    names = dict.fromkeys([*(term.name for term in known), *all_terms.names(), *chosen])
    return [(name, name) for name in names]


def dates(dataset: Dataset, chosen: str) -> Choices:
    """The dates that a period can be about. The first is the usual one, and need not be named."""
    keys = list(dataset.dates)
    return [(key if n or key == chosen else "", said(dataset.fields[key].label)) for n, key in enumerate(keys)]


def first_zones(usual: str, chosen: str) -> Choices:
    """What is offered before all zones by place: the usual one, and one that is chosen and has no place."""
    more = [(chosen, chosen)] if chosen in all_zones() and chosen not in (*zone_names(), "UTC", usual) else []
    return [("", usual), ("UTC", "UTC"), *more]


def columns(dataset: Dataset, declared: ReportType, chosen: Sequence[str]) -> Choices:
    """Of rows one by one: first those chosen, in their order, then those that the report type starts with."""
    possible = [*declared.detail, *(key for key in dataset.dimensions if DIMENSIONS[key].time is None), *dataset.fields]
    known = dict.fromkeys([*(key for key in chosen if key in possible), *possible])
    return [(key, str(said(in_words.column_label(dataset, key)))) for key in known]


def values(dataset: Dataset, key: str) -> list[str]:
    """What can be picked as the value of a condition on this field, where there are few; all else is typed."""
    if key in dataset.fields and dataset.fields[key].unit is Unit.FLAG:
        return [gettext("Yes"), gettext("No")]
    if key == "term":
        return all_terms.names()
    return [str(said(each)) for each in filter_choices.values_of(key)] if key in dataset.dimensions else []


def sorts(dataset: Dataset, columns: Iterable[str], chosen: Sequence[str]) -> Choices:
    """Each column both ways; what is sorted by already, even where it is no column that one can know yet."""
    found: dict[str, str] = {}
    for key in columns:
        column = said(in_words.column_label(dataset, key))
        found[key] = gettext("%(column)s, lowest first", column=column)
        found[f"-{key}"] = gettext("%(column)s, highest first", column=column)
    return [*found.items(), *((key, said(in_words.sort_in_words(dataset, key))) for key in chosen if key not in found)]


def measures(dataset: Dataset, declared: ReportType, chosen: Sequence[str]) -> list[MeasureChoice]:
    """The report's own first, in its order: the columns of the file, and what its chart draws, follow it. Unless others
    were chosen in another order, which a file must keep."""
    keys = report_types.measures_for(dataset)
    plain = [key for key in keys if key not in AGGREGATES or not AGGREGATES[key].requires_field]
    offered = list(dict.fromkeys([*declared.measures, *plain, *chosen]))
    if [key for key in offered if key in chosen] != list(chosen):
        offered = list(dict.fromkeys([*chosen, *offered]))
    return [
        MeasureChoice(text, str(said(in_words.measure_label(dataset, text))), _definition(dataset, text))
        for text in offered
    ]


def _definition(dataset: Dataset, text: str) -> str:
    key = text.partition(":")[0]
    if key in dataset.measures:
        return str(said(dataset.measures[key].definition))
    return describe(LookupCategory.MEASURE_TYPE, key)


def aggregates(dataset: Dataset) -> Choices:
    """The measures that are of a field."""
    keys = (key for key in report_types.measures_for(dataset) if key in AGGREGATES and AGGREGATES[key].requires_field)
    return [(key, label(LookupCategory.MEASURE_TYPE, key)) for key in keys]


def aggregate_fields(dataset: Dataset) -> Choices:
    names = dict.fromkeys([*dataset.fields, *fields_for(dataset, "count-distinct")])
    known = [
        (key, said(dataset.fields[key].label if key in dataset.fields else DIMENSIONS[key].label)) for key in names
    ]
    return [*known, *((key, key) for key in (report_types.data_fields() if dataset.has_data else ()))]


def priorities(actor: User) -> Choices:
    labels = dict(of_category(LookupCategory.REPORT_PRIORITY))
    return [(key, labels[key]) for key in request_rules.usable_priorities(actor)]


def filing(actor: User, chosen: str) -> Choices:
    """The departments that the report can be filed under. The first is the usual one, and need not be named."""
    known = organisation.departments()
    own = [each for each in organisation.departments_of(actor) if each in known]
    choices = [(str(each) if n or str(each) == chosen else "", known[each].name) for n, each in enumerate(own)]
    if not own:
        choices = [("", gettext("Nothing"))]
    filed_under = id_or_none(chosen)
    if filed_under is not None and filed_under not in own and request_rules.may_file_under(actor, filed_under):
        choices.append((chosen, known[filed_under].name))
    return choices
