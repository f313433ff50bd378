"""The rules of the xAPI standard (1.0.3 and 2.0) about a statement: which one is broken first, in words.

A part's check is a function of the part alone, so that whoever reads many statements asks once for each part that
repeats. What breaks a rule need not be useless: that is for the reader to decide (`rows`), who says so either way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from webapp.messages import Message
from webapp.sources.xapi import forms
from webapp.sources.xapi.meaning import VOIDED
from webapp.sources.xapi.values import is_number

STATEMENT = frozenset(
    ("id", "actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments")
)
_SUB_STATEMENT = frozenset(("objectType", "actor", "verb", "object", "result", "context", "timestamp", "attachments"))
_IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
_PLACES = frozenset(("parent", "grouping", "category", "other"))
_CONTEXT = frozenset(
    ("registration", "instructor", "team", "contextActivities", "revision", "platform", "language", "statement")
) | {"extensions"}
_OF_VERSION_2 = {"contextAgents": ("contextAgent", "agent"), "contextGroups": ("contextGroup", "group")}
_DEFINITION = frozenset(("name", "description", "type", "moreInfo", "extensions"))
_COMPONENTS = {
    "choice": ("choices",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "matching": ("source", "target"),
    "performance": ("steps",),
    **dict.fromkeys(("true-false", "fill-in", "long-fill-in", "numeric", "other"), ()),
}
_INTERACTION = frozenset(
    ("interactionType", "correctResponsesPattern", "choices", "scale", "source", "target", "steps")
)
_ATTACHMENT = frozenset(("usageType", "display", "description", "contentType", "length", "sha2", "fileUrl"))

Given = Mapping[str, Any]


class BrokenRuleError(ValueError):
    """A rule that a statement breaks; its text says which, of which part."""


def check_statement(given: Any) -> None:
    """All of it. Raises BrokenRuleError with the first rule that it breaks."""
    statement = _object(given, Message("statement"))
    _known(statement, STATEMENT, "")
    if "id" in statement:
        _require(forms.is_uuid(statement["id"]), _NO_UUID, "id")
    check_actor(_part(statement, "actor", ""), "actor")
    check_verb(_part(statement, "verb", ""), "verb")
    check_object(_part(statement, "object", ""), "object", version=statement.get("version"))
    check_voiding(statement["verb"], statement["object"], "")
    check_rest(statement)


def check_rest(statement: Given) -> None:
    """What a statement may have beside its id, actor, verb and object."""
    version = statement.get("version")
    if "version" in statement:
        check_version(version)
    _check_happening(statement, "", version)
    for name in ("timestamp", "stored"):
        if name in statement:
            check_timestamp(statement[name], name, version)
    if "authority" in statement:
        check_authority(statement["authority"])


def check_timestamp(given: Any, where: str, version: Any) -> None:
    is_version_2 = isinstance(version, str) and version.startswith("2")
    _require(forms.is_timestamp(given, is_version_2=is_version_2), _NO_TIMESTAMP, where)


def _check_happening(given: Given, where: str, version: Any) -> None:
    """Result, context and attachments: of a statement, or of one within it."""
    if "result" in given:
        check_result(given["result"], f"{where}result")
    if "context" in given:
        check_context(given["context"], f"{where}context", given["object"], version)
    if "attachments" in given:
        check_attachments(given["attachments"], f"{where}attachments")


# --- sentences --------------------------------------------------------------------------------------------------------


def _say(template: str) -> Callable[[str], Message]:
    return lambda where: Message(template, where=where)


_NO_OBJECT = _say(Message("its %(where)s is no JSON object"))
_NO_LIST = _say(Message("its %(where)s is no list"))
_NO_TEXT = _say(Message("its %(where)s is no text"))
_NO_NUMBER = _say(Message("its %(where)s is no number"))
_NO_TRUTH = _say(Message("its %(where)s is neither true nor false"))
_NO_IRI = _say(Message("its %(where)s is no IRI"))
_NO_UUID = _say(Message("its %(where)s is no UUID"))
_NO_LANGUAGE = _say(Message("its %(where)s is no language tag"))
_NO_TIMESTAMP = _say(Message("its %(where)s is no timestamp as the standard wants it"))
_NO_DURATION = _say(Message("its %(where)s is no ISO 8601 duration"))
_NO_MBOX = _say(Message("its %(where)s is no mailto: address"))
_NO_SHA1 = _say(Message("its %(where)s is no SHA-1"))
_NO_MEDIA_TYPE = _say(Message("its %(where)s is no media type"))
_NO_VERSION = _say(Message("its %(where)s is none that is read: 1.0 and 2.0 are"))
_NO_TYPE = _say(Message("its %(where)s is none that may stand there"))
_MISSING = _say(Message("its %(where)s is missing"))
_UNKNOWN = _say(Message("it has “%(where)s”, which the standard does not know there"))
_EMPTY = _say(Message("its %(where)s is empty"))
_OUT_OF_RANGE = _say(Message("its %(where)s is out of range"))
_TWICE = _say(Message("its %(where)s names one thing twice"))
_ONE_IDENTIFIER = _say(Message("its %(where)s has not exactly one of mbox, mbox_sha1sum, openid and account"))
_NOT_OF_ACTIVITY = _say(Message("it has a %(where)s, though its object is no activity"))
_VOIDS_NOTHING = _say(Message("it voids, but its %(where)s is no StatementRef"))
_TWO_AGENTS = _say(Message("its %(where)s is a group, but not of two agents without a name of its own"))


def _require(is_kept: bool, rule: Callable[[str], Message], where: str) -> None:
    if not is_kept:
        raise BrokenRuleError(rule(where))


def _object(given: Any, where: str) -> Given:
    if not isinstance(given, dict):
        raise BrokenRuleError(_NO_OBJECT(where))
    return given


def _list(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise BrokenRuleError(_NO_LIST(where))
    return given


def _known(given: Given, names: Collection[str], where: str) -> None:
    for name in given:
        if name not in names:
            raise BrokenRuleError(_UNKNOWN(f"{where}{name[:60]}"))


def _part(given: Given, name: str, where: str) -> Any:
    if name not in given:
        raise BrokenRuleError(_MISSING(f"{where}{name}"))
    return given[name]


def _text(given: Any, where: str) -> None:
    _require(isinstance(given, str), _NO_TEXT, where)


# --- who --------------------------------------------------------------------------------------------------------------


def check_actor(given: Any, where: str) -> None:
    """An agent or a group."""
    if isinstance(given, dict) and given.get("objectType") == "Group":
        check_group(given, where)
    else:
        check_agent(given, where)


def check_agent(given: Any, where: str) -> None:
    agent = _object(given, where)
    _require(agent.get("objectType", "Agent") == "Agent", _NO_TYPE, f"{where}.objectType")
    _known(agent, ("objectType", "name", *_IDENTIFIERS), f"{where}.")
    _require(_identified(agent, where) == 1, _ONE_IDENTIFIER, where)


def check_group(given: Any, where: str) -> None:
    group = _object(given, where)
    _require(group.get("objectType") == "Group", _NO_TYPE, f"{where}.objectType")
    _known(group, ("objectType", "name", "member", *_IDENTIFIERS), f"{where}.")
    count = _identified(group, where)
    _require(count <= 1, _ONE_IDENTIFIER, where)
    if count == 0 or "member" in group:
        members = _list(_part(group, "member", f"{where}."), f"{where}.member")
        _require(bool(members) or count == 1, _EMPTY, f"{where}.member")
        for each in members:
            check_agent(each, f"{where}.member")


def _identified(given: Given, where: str) -> int:
    """How many identifiers it has; each is checked, and the name."""
    if "name" in given:
        _text(given["name"], f"{where}.name")
    if "mbox" in given:
        _require(forms.is_mbox(given["mbox"]), _NO_MBOX, f"{where}.mbox")
    if "mbox_sha1sum" in given:
        _require(forms.is_sha1(given["mbox_sha1sum"]), _NO_SHA1, f"{where}.mbox_sha1sum")
    if "openid" in given:
        _require(forms.is_iri(given["openid"]), _NO_IRI, f"{where}.openid")
    if "account" in given:
        account = _object(given["account"], f"{where}.account")
        _known(account, ("homePage", "name"), f"{where}.account.")
        home_page = _part(account, "homePage", f"{where}.account.")
        _require(forms.is_iri(home_page), _NO_IRI, f"{where}.account.homePage")
        _text(_part(account, "name", f"{where}.account."), f"{where}.account.name")
    return sum(name in given for name in _IDENTIFIERS)


def check_authority(given: Any) -> None:
    """Who says so: an agent, or a program and its user, as a group of two without a name of its own."""
    check_actor(given, "authority")
    if given.get("objectType") == "Group":
        is_pair = len(given.get("member", ())) == 2 and not any(name in given for name in _IDENTIFIERS)
        _require(is_pair, _TWO_AGENTS, "authority")


# --- what -------------------------------------------------------------------------------------------------------------


def check_verb(given: Any, where: str) -> None:
    verb = _object(given, where)
    _known(verb, ("id", "display"), f"{where}.")
    _require(forms.is_iri(_part(verb, "id", f"{where}.")), _NO_IRI, f"{where}.id")
    if "display" in verb:
        _check_languages(verb["display"], f"{where}.display")


def check_object(given: Any, where: str, *, version: Any = None, is_inner: bool = False) -> None:
    """Whatever a statement may be about; within a statement (`is_inner`) no other statement again. `version` (the
    statement's) only matters for a statement within it."""
    about = _object(given, where)
    kind = about.get("objectType", "Activity")
    if kind == "Activity":
        check_activity(about, where)
    elif kind == "Agent":
        check_agent(about, where)
    elif kind == "Group":
        check_group(about, where)
    elif kind == "StatementRef":
        _check_reference(about, where)
    elif kind == "SubStatement" and not is_inner:
        _check_inner(about, where, version)
    else:
        raise BrokenRuleError(_NO_TYPE(f"{where}.objectType"))


def _check_reference(given: Any, where: str) -> None:
    reference = _object(given, where)
    _require(reference.get("objectType") == "StatementRef", _NO_TYPE, f"{where}.objectType")
    _known(reference, ("objectType", "id"), f"{where}.")
    _require(forms.is_uuid(_part(reference, "id", f"{where}.")), _NO_UUID, f"{where}.id")


def _check_inner(inner: Given, where: str, version: Any) -> None:
    _known(inner, _SUB_STATEMENT, f"{where}.")
    check_actor(_part(inner, "actor", f"{where}."), f"{where}.actor")
    check_verb(_part(inner, "verb", f"{where}."), f"{where}.verb")
    check_object(_part(inner, "object", f"{where}."), f"{where}.object", is_inner=True)
    check_voiding(inner["verb"], inner["object"], f"{where}.")
    _check_happening(inner, f"{where}.", version)
    if "timestamp" in inner:
        check_timestamp(inner["timestamp"], f"{where}.timestamp", version)


def check_voiding(verb: Given, about: Given, where: str) -> None:
    is_kept = verb.get("id") != VOIDED or about.get("objectType") == "StatementRef"
    _require(is_kept, _VOIDS_NOTHING, f"{where}object")


def check_activity(given: Any, where: str) -> None:
    activity = _object(given, where)
    _require(activity.get("objectType", "Activity") == "Activity", _NO_TYPE, f"{where}.objectType")
    _known(activity, ("objectType", "id", "definition"), f"{where}.")
    _require(forms.is_iri(_part(activity, "id", f"{where}.")), _NO_IRI, f"{where}.id")
    if "definition" in activity:
        _check_definition(_object(activity["definition"], f"{where}.definition"), f"{where}.definition")


def _check_definition(given: Given, where: str) -> None:
    _known(given, _DEFINITION | _INTERACTION, f"{where}.")
    for name in ("name", "description"):
        if name in given:
            _check_languages(given[name], f"{where}.{name}")
    for name in ("type", "moreInfo"):
        if name in given:
            _require(forms.is_iri(given[name]), _NO_IRI, f"{where}.{name}")
    if "extensions" in given:
        _check_extensions(given["extensions"], f"{where}.extensions")
    if _INTERACTION.isdisjoint(given):
        return
    kind = _part(given, "interactionType", f"{where}.")
    _require(isinstance(kind, str) and kind in _COMPONENTS, _NO_TYPE, f"{where}.interactionType")
    if "correctResponsesPattern" in given:
        for each in _list(given["correctResponsesPattern"], f"{where}.correctResponsesPattern"):
            _text(each, f"{where}.correctResponsesPattern")
    for name in ("choices", "scale", "source", "target", "steps"):
        if name in given:
            _require(name in _COMPONENTS[kind], _UNKNOWN, f"{where}.{name}")
            _check_components(given[name], f"{where}.{name}")


def _check_components(given: Any, where: str) -> None:
    seen: set[str] = set()
    for each in _list(given, where):
        component = _object(each, where)
        _known(component, ("id", "description"), f"{where}.")
        name = _part(component, "id", f"{where}.")
        _text(name, f"{where}.id")
        _require(name not in seen, _TWICE, where)
        seen.add(name)
        if "description" in component:
            _check_languages(component["description"], f"{where}.description")


def _check_languages(given: Any, where: str) -> None:
    for tag, text in _object(given, where).items():
        _require(forms.is_language(tag), _NO_LANGUAGE, f"{where}.{tag[:40]}")
        _text(text, f"{where}.{tag}")


def _check_extensions(given: Any, where: str) -> None:
    for name in _object(given, where):
        _require(forms.is_iri(name), _NO_IRI, f"{where}.{name[:60]}")


# --- how --------------------------------------------------------------------------------------------------------------


def check_result(given: Any, where: str) -> None:
    result = _object(given, where)
    _known(result, ("score", "success", "completion", "response", "duration", "extensions"), f"{where}.")
    for name in ("success", "completion"):
        if name in result:
            _require(isinstance(result[name], bool), _NO_TRUTH, f"{where}.{name}")
    if "response" in result:
        _text(result["response"], f"{where}.response")
    if "duration" in result:
        _require(forms.is_duration(result["duration"]), _NO_DURATION, f"{where}.duration")
    if "extensions" in result:
        _check_extensions(result["extensions"], f"{where}.extensions")
    if "score" in result:
        _check_score(_object(result["score"], f"{where}.score"), f"{where}.score")


def _check_score(score: Given, where: str) -> None:
    _known(score, ("scaled", "raw", "min", "max"), f"{where}.")
    for name, value in score.items():
        _require(is_number(value), _NO_NUMBER, f"{where}.{name}")
    _require(-1 <= score.get("scaled", 0) <= 1, _OUT_OF_RANGE, f"{where}.scaled")
    least, most = score.get("min", float("-inf")), score.get("max", float("inf"))
    _require(least < most, _OUT_OF_RANGE, f"{where}.max")
    if "raw" in score:
        _require(least <= score["raw"] <= most, _OUT_OF_RANGE, f"{where}.raw")


def check_context(given: Any, where: str, about: Any, version: Any) -> None:
    """`about` is the statement's object: some of a context only goes with an activity."""
    context = _object(given, where)
    if "contextActivities" in context:
        check_context_activities(context["contextActivities"], f"{where}.contextActivities")
    is_older = isinstance(version, str) and version.startswith("1")
    _known(context, _CONTEXT if is_older else _CONTEXT | set(_OF_VERSION_2), f"{where}.")
    if "registration" in context:
        _require(forms.is_uuid(context["registration"]), _NO_UUID, f"{where}.registration")
    if "instructor" in context:
        check_actor(context["instructor"], f"{where}.instructor")
    if "team" in context:
        check_group(context["team"], f"{where}.team")
    for name in ("revision", "platform"):
        if name in context:
            _text(context[name], f"{where}.{name}")
            is_activity = isinstance(about, dict) and about.get("objectType", "Activity") == "Activity"
            _require(is_activity, _NOT_OF_ACTIVITY, f"{where}.{name}")
    if "language" in context:
        _require(forms.is_language(context["language"]), _NO_LANGUAGE, f"{where}.language")
    if "statement" in context:
        _check_reference(context["statement"], f"{where}.statement")
    if "extensions" in context:
        _check_extensions(context["extensions"], f"{where}.extensions")
    for name, (kind, who) in _OF_VERSION_2.items():
        for each in _list(context.get(name, []), f"{where}.{name}"):
            _check_relevant(_object(each, f"{where}.{name}"), f"{where}.{name}", kind, who)


def _check_relevant(given: Given, where: str, kind: str, who: str) -> None:
    _known(given, ("objectType", who, "relevantTypes"), f"{where}.")
    _require(given.get("objectType") == kind, _NO_TYPE, f"{where}.objectType")
    check = check_agent if who == "agent" else check_group
    check(_part(given, who, f"{where}."), f"{where}.{who}")
    if "relevantTypes" in given:
        types = _list(given["relevantTypes"], f"{where}.relevantTypes")
        _require(bool(types), _EMPTY, f"{where}.relevantTypes")
        for each in types:
            _require(forms.is_iri(each), _NO_IRI, f"{where}.relevantTypes")


def check_context_activities(given: Any, where: str) -> None:
    places = _object(given, where)
    _known(places, _PLACES, f"{where}.")
    for name, value in places.items():
        for each in value if isinstance(value, list) else [value]:
            check_activity(each, f"{where}.{name}")


def check_attachments(given: Any, where: str) -> None:
    for each in _list(given, where):
        attachment = _object(each, where)
        _known(attachment, _ATTACHMENT, f"{where}.")
        _require(forms.is_iri(_part(attachment, "usageType", f"{where}.")), _NO_IRI, f"{where}.usageType")
        _check_languages(_part(attachment, "display", f"{where}."), f"{where}.display")
        if "description" in attachment:
            _check_languages(attachment["description"], f"{where}.description")
        media_type = _part(attachment, "contentType", f"{where}.")
        _require(forms.is_media_type(media_type), _NO_MEDIA_TYPE, f"{where}.contentType")
        length = _part(attachment, "length", f"{where}.")
        is_count = is_number(length) and length == int(length) and length >= 0
        _require(is_count, _OUT_OF_RANGE, f"{where}.length")
        _text(_part(attachment, "sha2", f"{where}."), f"{where}.sha2")
        if "fileUrl" in attachment:
            _require(forms.is_iri(attachment["fileUrl"]), _NO_IRI, f"{where}.fileUrl")


def check_version(given: Any) -> None:
    _require(forms.is_version(given), _NO_VERSION, "version")
