"""Making the parts of a report that is ready: each once, whoever is killed meanwhile.

Which parts there are is written down first, in one guarded write, and each part's report has an id that is made of the
whole and the part. So whoever goes on after somebody who died finds the same parts, and those that are there already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from bson import ObjectId

from webapp import record
from webapp.documents import (
    DeliveryWish,
    JobStatus,
    MadeInParts,
    PartBy,
    PartMade,
    PartsState,
    ReportJob,
    ScheduleFire,
    User,
    When,
    indexes,
)
from webapp.documents.job_status import WITH_FILE
from webapp.documents.notice import SubjectKind
from webapp.documents.report_job import NAME_LENGTH
from webapp.errors import ConflictError, NotFoundError, ReportdeskError
from webapp.messages import Message, to_document
from webapp.record import RecordVersion
from webapp.renderers.reader import shortened
from webapp.services import database_clock
from webapp.services.bursting import finding
from webapp.services.bursting.counting import Counted
from webapp.services.bursting.finding import Found
from webapp.services.deliveries import telling, wishes
from webapp.services.deliveries.telling import Subject
from webapp.services.jobs import lifecycle, parts
from webapp.services.questions import ways
from webapp.services.requests import asking, changing
from webapp.services.requests.rules import Circumstances
from webapp.services.rights import data_scope, organisation, standing
from webapp.services.rights.parts import Part
from webapp.settings import get_settings

log = logging.getLogger(__name__)

#: So many reports of one whole are made in a turn: other bursts, and schedules that are due, do not wait for all.
AT_ONCE = 20
#: Of the runs before one, so many are looked through for the last that had parts.
LOOKED_BACK = 5
_INDEX = (("partsState", 1),)
_WITH_FILE = [state.value for state in WITH_FILE]


def waiting() -> list[ObjectId]:
    """The wholes that are ready, and whose parts are still to be made."""
    return _in_state(PartsState.TO_MAKE, {"status": {"$in": _WITH_FILE}})


def _in_state(state: PartsState, also: dict[str, Any]) -> list[ObjectId]:
    jobs = ReportJob._get_collection()
    wanted = {"partsState": state.value, **also}
    return [each["_id"] for each in jobs.find(wanted, {"_id": 1}, hint=indexes.hint(jobs, _INDEX))]


def make(whole_id: ObjectId) -> int:
    """Make the next parts of this report, `AT_ONCE` at most; returns how many there were to make. What may pass by
    itself is raised, and goes on in a later turn."""
    whole = ReportJob.objects(id=whole_id, parts_state=PartsState.TO_MAKE.value).first()
    if whole is None or whole.status not in _WITH_FILE:
        return 0
    try:
        owner = standing.standing_requester(whole)
    except ReportdeskError as error:
        _give_up(whole, error.args[0])
        return 0
    if whole.burst.found_at is None and not _write_down(whole, owner):
        return 0
    whole = ReportJob.objects(id=whole_id).first()
    if whole is None:  # deleted meanwhile
        return 0
    to_make = _to_make(whole)
    for place, made in to_make[:AT_ONCE]:
        if not _is_still_wanted(whole_id):
            break
        _make_one(whole, owner, place, made)
    if len(to_make) <= AT_ONCE:
        _all_made(whole)
    _stop_if_unwanted(whole)
    return min(len(to_make), AT_ONCE)


# --- which parts there are --------------------------------------------------------------------------------------------


def _write_down(whole: ReportJob, owner: User) -> bool:
    """Find the parts and keep them; false where there are none to make."""
    counted = Counted.from_document((whole.provenance or {}).get("parts"))
    scope, request = data_scope.data_scope(owner), ways.from_job(whole)
    found = finding.find(scope, request, whole.burst, counted, _version_of(whole))
    problem = finding.too_many(finding.count_of(found) + counted.left_out(PartBy(whole.burst.by)))
    if problem is not None or not found:
        _give_up(whole, problem or finding.nothing(PartBy(whole.burst.by)))
        return False
    kept = [_kept(whole, each) for each in found]
    kept += _gone_since(whole, {each.part_id for each in kept})
    found_now = {"burst.parts": [each.to_mongo() for each in kept], "burst.foundAt": database_clock.now()}
    # Of several who have looked the first one's parts count.
    unseen = {"_id": whole.id, "partsState": PartsState.TO_MAKE.value, "burst.foundAt": None}
    change = {"$set": found_now, "$unset": {"burst.said": ""}}
    ReportJob._get_collection().update_one(unseen, change, hint="_id_")
    return True


def _version_of(whole: ReportJob) -> RecordVersion | None:
    number = (whole.provenance or {}).get("recordVersion")
    try:
        return record.at(int(number)) if number is not None else None
    except NotFoundError:
        return None


def _kept(whole: ReportJob, found: Found) -> PartMade:
    people = {each.user.id: None for each in found.recipients if each.user is not None}
    return PartMade(
        part_id=found.part.id,
        name=found.name,
        job_id=parts.id_of(whole.id, found.part.text) if found.why_not is None else None,
        recipient_ids=list(people),
        addresses=[each.address for each in found.recipients if each.user is None],
        said=to_document(found.why_not) if found.why_not is not None else None,
    )


def _gone_since(whole: ReportJob, known: set[ObjectId]) -> list[PartMade]:
    """What had a report the last time and has none now is told, and why."""
    this = ScheduleFire.objects(id=whole.id).only("fired_for").first() if whole.schedule_id else None
    if this is None:
        return []
    runs = ScheduleFire.objects(schedule_id=whole.schedule_id, fired_for__lt=this.fired_for)
    ids = list(runs.order_by("-fired_for").limit(LOOKED_BACK).scalar("id"))
    made = {each.id: each.burst for each in ReportJob.objects(id__in=ids).only("burst")} if ids else {}
    last: MadeInParts | None = next((made[each] for each in ids if made.get(each) and made[each].parts), None)
    if last is None or last.by != whole.burst.by:
        return []
    return [
        PartMade(part_id=each.part_id, name=each.name, said=to_document(_why_gone(PartBy(last.by), each.part_id)))
        for each in last.parts
        if each.job_id is not None and each.part_id not in known
    ]


def _why_gone(by: PartBy, part_id: ObjectId) -> Message:
    if by is PartBy.DEPARTMENT:
        found = organisation.departments().get(part_id)
        if found is None:
            return Message("It had a report the last time, and is not there any more.")
        if not found.is_active:
            return Message("It had a report the last time, and has been closed since.")
        return Message("It had a report the last time, and is not among those that the report's owner reads now.")
    return Message("It had a report the last time, and has no rows any more.")


# --- one part ---------------------------------------------------------------------------------------------------------


def _to_make(whole: ReportJob) -> list[tuple[int, PartMade]]:
    """Parts whose report is not there, or ended without a file before the whole was made (again); with their places."""
    ids = [each.job_id for each in whole.burst.parts if each.job_id is not None]
    there = {each.id: each for each in ReportJob.objects(id__in=ids).only("status", "completed_at")} if ids else {}
    return [
        (place, each)
        for place, each in enumerate(whole.burst.parts)
        if each.job_id is not None and _is_to_be_made(there.get(each.job_id), whole)
    ]


def _is_to_be_made(part: ReportJob | None, whole: ReportJob) -> bool:
    if part is None:
        return True
    is_over = part.state.is_finished and not part.state.has_file
    return is_over and part.completed_at is not None and part.completed_at < whole.completed_at


def _make_one(whole: ReportJob, owner: User, place: int, made: PartMade) -> None:
    if ReportJob.objects(id=made.job_id).only("id").first() is not None:
        _again(owner, made.job_id)
        return
    part = Part(PartBy(whole.burst.by), made.part_id)
    name = shortened(f"{whole.name}: {made.name}", NAME_LENGTH)
    asked = ways.from_job(whole).model_copy(
        update={"part": part.text, "name": name, "visibility": "private", "scheduled_for": None}
    )
    people = list(User.objects(id__in=list(made.recipient_ids), is_active=True))
    of = Circumstances(
        job_id=made.job_id,
        template_id=whole.template_id,
        template_version=whole.template_version,
        schedule_id=whole.schedule_id,
        parent_id=whole.id,
        reader_ids=tuple(each.id for each in people),
        deliver_to=_wishes(owner, people, made.addresses, by_mail=bool(whole.burst.by_mail)),
        expires_at=whole.expires_at,
    )
    try:
        asking.create(owner, asking.as_far_as_allowed(owner, asked), insist=True, of=of)
    except ReportdeskError as error:
        if not error.is_permanent:
            raise
        _not_made(whole, place, error)


def _wishes(
    owner: User, people: Sequence[User], addresses: Iterable[str], *, by_mail: bool
) -> tuple[DeliveryWish, ...]:
    """A notice to each who has an account, and a letter; those that can be fulfilled today."""
    wanted = [wishes.notify(each, When.READY) for each in people]
    if get_settings().smtp_host is not None:
        told = [each.email for each in people if each.email] if by_mail else []
        wanted += wishes.letters(" ".join([*told, *addresses]))
    # The page of the whole says that nobody is told; an address that closed must not keep a part back.
    possible, problems = wishes.possible(owner, wanted)
    for wish, _ in problems:
        log.info("a part goes to one recipient fewer", extra={"channel": wish.channel})
    return possible


def _again(owner: User, part_id: ObjectId) -> None:
    try:
        changing.retry(owner, part_id)
    except (ConflictError, NotFoundError):
        return  # somebody else has begun it meanwhile, or deleted it


def _not_made(whole: ReportJob, place: int, error: ReportdeskError) -> None:
    at = f"burst.parts.{place}"
    change = {"$set": {f"{at}.said": to_document(error.args[0])}, "$unset": {f"{at}.jobId": ""}}
    ReportJob._get_collection().update_one({"_id": whole.id}, change, hint="_id_")


# --- the end ----------------------------------------------------------------------------------------------------------


def _is_still_wanted(whole_id: ObjectId) -> bool:
    return ReportJob.objects(id=whole_id, parts_state=PartsState.TO_MAKE.value).only("id").first() is not None


def _all_made(whole: ReportJob) -> None:
    if parts.move_on(whole.id, PartsState.TO_MAKE, PartsState.BEING_MADE):
        log.info("parts made", extra={"job_id": str(whole.id), "count": len(whole.burst.parts)})


def _stop_if_unwanted(whole: ReportJob) -> None:
    """Somebody may have stopped the whole, or deleted it, while the last of these were made."""
    wanted = [each.value for each in PartsState]
    if ReportJob.objects(id=whole.id, parts_state__in=wanted).only("id").first() is None:
        for part in parts.of(whole.id, "id", "status"):
            if not part.is_finished:
                lifecycle.cancel_if_unended(part.id, by=None)


def _give_up(whole: ReportJob, why: str) -> None:
    """No part is made, and the owner is told."""
    text = why if isinstance(why, Message) else Message.joined([why])
    if parts.move_on(whole.id, PartsState.TO_MAKE, None, said=to_document(text), parts=[]):
        told = Message("“%(name)s” was made, but not its parts: %(why)s", name=whole.name, why=text)
        telling.tell(whole.requested_by, told, about=Subject(SubjectKind.REPORT, whole.id), once=f"parts:{whole.id}")


def settle() -> int:
    """End those whose parts have all ended, and tell their owners what needs them; returns how many."""
    ended = 0
    for whole_id in _in_state(PartsState.BEING_MADE, {}):
        found = parts.of(whole_id, "status")
        if any(not each.is_finished for each in found):
            continue
        if parts.move_on(whole_id, PartsState.BEING_MADE, None):
            ended += 1
            _tell(ReportJob.objects.get(id=whole_id), found)
    return ended


def _tell(whole: ReportJob, found: Sequence[ReportJob]) -> None:
    failed = sum(each.status == JobStatus.FAILED for each in found)
    not_made = sum(each.job_id is None for each in whole.burst.parts)
    nobodys = sum(
        each.job_id is not None and not each.recipient_ids and not each.addresses for each in whole.burst.parts
    )
    told = [
        Message.counted("%(num)s part failed.", "%(num)s parts failed.", failed) if failed else "",
        Message.counted("%(num)s part was not made.", "%(num)s parts were not made.", not_made) if not_made else "",
        Message.counted("%(num)s part goes to nobody.", "%(num)s parts go to nobody.", nobodys) if nobodys else "",
    ]
    if any(told):
        text = Message("Of the parts of “%(name)s”: %(told)s", name=whole.name, told=Message.joined(told))
        once = f"parts:{whole.id}:{whole.event_count}"
        telling.tell(whole.requested_by, text, about=Subject(SubjectKind.REPORT, whole.id), once=once)


__all__ = ["AT_ONCE", "make", "settle", "waiting"]
