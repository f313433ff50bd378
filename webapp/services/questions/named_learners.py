"""Whether a question names learners: read from the question itself, so that no type of report is forgotten; and what
follows for sharing its answer."""

from __future__ import annotations

from webapp.engine.catalogue.dimensions import DIMENSIONS
from webapp.engine.query import Query
from webapp.messages import Message
from webapp.services.rights.visibility import EVERYONE
from webapp.settings import get_settings

#: Each of their groups, or values, is one learner's own record.
_OF_ONE_LEARNER = frozenset({"enrollment", "scorm-attempt"})


def names_learners(query: Query) -> bool:
    """Does the answer, or the question that stands above it, tell who somebody is: by its groups, its columns, the
    fields of its rows, or what it is filtered by? Numbers of learners name nobody."""
    told = {*query.dimensions, *query.slicers, *query.fields, *(each.field for each in query.filters)}
    return any(_tells_who(key) for key in told)


def why_not_everyone(visibility_key: str, query: Query) -> str | None:
    """Why the answer to `query` may not be shared so, in a sentence; None when it may."""
    if visibility_key != EVERYONE or not get_settings().forbid_everyone_for_named_learners or not names_learners(query):
        return None
    return Message(
        "This report names learners, and such reports are not shared with everyone here. Share it with your "
        "department or your team, or ask without names."
    )


def _tells_who(key: str) -> bool:
    dimension = DIMENSIONS.get(key)
    if dimension is not None and (dimension.entity == "learner" or dimension.column == "learner_id"):
        return True
    # Of detail rows, what is told of a learner beside the name: their number, their address.
    return key in _OF_ONE_LEARNER or key.partition("-")[0] == "learner"
