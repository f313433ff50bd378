"""The part of a form that says for whom there is a report of its own beside the whole, and who gets it: of a schedule,
and of a report that is asked for once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField, TextAreaField
from wtforms.validators import Length

from webapp.documents import Burst, NamedForPart, PartBy, User
from webapp.documents.ids import id_or_none
from webapp.errors import InvalidRequestError, NotFoundError
from webapp.services.bursting import checking
from webapp.services.deliveries import wishes
from webapp.services.questions import filter_choices
from webapp.services.rights import data_scope
from webapp.settings import get_settings
from webapp.web.forms import DeskForm
from webapp.web.languages import in_readers_language as said

NAMED_LENGTH = 50_000
#: Under which field of the form a fault of the service stands.
FIELD_OF = {checking.BY: "each", checking.ROOT: "each_from", checking.NAMED: "each_named"}
#: Whom persons can be named for, line by line, and as what kind of choice they are found.
_NAMED_BY = (PartBy.DEPARTMENT, PartBy.CLASS)


class PartFields(DeskForm):
    each = SelectField(_l("One report for each"), default="", validate_choice=False)
    each_from = SelectField(_l("Down the tree from"), default="", validate_choice=False)
    each_mail = BooleanField(_l("Send each by e-mail, too"), default=True)
    each_named = TextAreaField(
        _l("Other persons in place of those who run it"),
        [Length(max=NAMED_LENGTH, message=_l("At most %(max)d characters of addresses are possible."))],
        render_kw={"rows": 3, "autocomplete": "off", "spellcheck": "false"},
    )

    _owner: User

    def offer_parts(self, owner: User) -> None:
        """`owner`: whose rights the reports run with."""
        self._owner = owner
        self.each.choices = [
            ("", gettext("nobody: the whole alone")),
            (PartBy.DEPARTMENT.value, gettext("department, to its managers")),
            (PartBy.CLASS.value, gettext("class, to its instructors")),
            (PartBy.INSTRUCTOR.value, gettext("instructor, to them")),
        ]
        departments = filter_choices.every(filter_choices.DEPARTMENT, data_scope.data_scope(owner))
        self.each_from.choices = [("", gettext("the top")), *((str(each.id), each.name) for each in departments)]
        if get_settings().smtp_host is None:
            del self.each_mail

    def to_burst(self) -> Burst | None:
        """What is wanted; None: the whole alone. Raises InvalidRequestError for lines that name no part."""
        by = self.each.data
        if not by:
            return None
        root = id_or_none(self.each_from.data) if by == PartBy.DEPARTMENT else None
        named = list(self._named(PartBy(by))) if by in _NAMED_BY else []
        by_mail = bool(self.each_mail.data) if "each_mail" in self else True
        return Burst(by=by, root_id=root, by_mail=by_mail, named=named)

    def _named(self, by: PartBy) -> Iterator[NamedForPart]:
        scope, problems = data_scope.data_scope(self._owner), list[str]()
        for number, line in enumerate((self.each_named.data or "").splitlines(), start=1):
            code, colon, addresses = (text.strip() for text in line.partition(":"))
            found = [each.recipient for each in wishes.letters(addresses)]
            if not code and not colon:
                continue
            if not code or not found:
                problems.append(gettext("Line %(number)s: write a code, a colon and addresses.", number=number))
                continue
            try:
                yield NamedForPart(part_id=filter_choices.find(by.value, code, scope), addresses=found)
            except (NotFoundError, InvalidRequestError) as error:
                problems.append(gettext("Line %(number)s: %(problem)s", number=number, problem=said(str(error))))
        if problems:
            raise InvalidRequestError({checking.NAMED: " ".join(problems)})


def values(owner: User, burst: Burst | None) -> dict[str, Any]:
    """What the fields show of it."""
    if burst is None:
        return {}
    return {
        "each": burst.by,
        "each_from": str(burst.root_id or ""),
        "each_mail": bool(burst.by_mail),
        "each_named": "\n".join(_lines(owner, burst)),
    }


def _lines(owner: User, burst: Burst) -> Iterator[str]:
    """`code: addresses`; the id where a code does not tell which is meant."""
    scope = data_scope.data_scope(owner)
    ids = [each.part_id for each in burst.named]
    named = filter_choices.named(burst.by, ids, scope) if burst.by in _NAMED_BY else []
    codes = {each.id: each.note if burst.by == PartBy.DEPARTMENT else each.name for each in named}
    for each in burst.named:
        code = codes.get(each.part_id) or ""
        is_enough = code and ":" not in code and _means(burst.by, code, each.part_id, scope)
        yield f"{code if is_enough else each.part_id}: {', '.join(each.addresses)}"


def _means(kind: str, code: str, part_id: object, scope: Any) -> bool:
    try:
        return filter_choices.find(kind, code, scope) == part_id
    except (NotFoundError, InvalidRequestError):
        return False
