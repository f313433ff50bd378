"""What must be so before a schedule's reports are made in parts; every problem under the name of its field."""

from __future__ import annotations

from webapp.documents import Burst, PartBy, User
from webapp.errors import InvalidRequestError
from webapp.messages import Message
from webapp.services.bursting import finding
from webapp.services.deliveries import wishes
from webapp.services.questions import filter_choices
from webapp.services.questions.request import ReportRequest
from webapp.services.rights import data_scope
from webapp.services.rights.data_scope import DataScope

BY, ROOT, NAMED = "burst.by", "burst.root_id", "burst.named"


def problems(owner: User, burst: Burst | None, request: ReportRequest) -> dict[str, str]:
    """What is wrong with it, as `owner` may ask for it; nothing where nothing is wanted."""
    if burst is None:
        return {}
    if burst.by not in set(PartBy):
        return {BY: Message("Choose what each report is for.")}
    errors: dict[str, str] = {name: error.message for name, error in burst.problems().items()}
    scope = data_scope.data_scope(owner)
    if request.part:
        errors[BY] = Message("The question is about a part already, which is not made in parts again.")
    if (
        ROOT not in errors
        and burst.root_id is not None
        and not filter_choices.reached("department", [burst.root_id], scope)
    ):
        errors[ROOT] = Message("There is no such department, or it is not the owner's to read.")
    errors |= {} if NAMED in errors else _named_problems(owner, burst, scope)
    if not errors and burst.by == PartBy.DEPARTMENT:
        found = finding.find(scope, request, burst, None)
        if not found:
            errors[BY] = finding.nothing(PartBy.DEPARTMENT)
        elif (problem := finding.too_many(finding.count_of(found))) is not None:
            errors[BY] = problem
    return errors


def _named_problems(owner: User, burst: Burst, scope: DataScope) -> dict[str, str]:
    if not burst.named:
        return {}
    if burst.by == PartBy.INSTRUCTOR:
        return {NAMED: Message("An instructor's part goes to that instructor; nobody is named in their place.")}
    ids = [each.part_id for each in burst.named]
    if len(filter_choices.reached(str(burst.by), ids, scope)) < len(set(ids)):
        return {NAMED: Message("Persons are named for a part that does not exist, or is not the owner's to read.")}
    told: dict[str, None] = {}
    addresses = {address for each in burst.named for address in each.addresses}
    # Who has an account is told in their inbox, whether this desk sends letters or not.
    here = set(User.objects(email__in=list(addresses), is_active=True).scalar("email"))
    for address in sorted(addresses - here):
        try:
            wishes.check(owner, wishes.letters(address))
        except InvalidRequestError as error:
            told[error.fields[wishes.FIELD]] = None
    return {NAMED: Message.joined(told)} if told else {}
