"""Imports of LMS files: what the importers need to know of the lookups, and one way to start each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from webapp import clock
from webapp.documents import AdminArea, LookupCategory, OrderKind
from webapp.documents.connection import current_database
from webapp.documents.lookup_value import active_lookups
from webapp.importers import oneroster, xapi
from webapp.importers.summary import Summary
from webapp.services import audit
from webapp.services.permissions import Actor, Permission, Terminal, require_permission

log = logging.getLogger(__name__)


def import_oneroster(
    by: Actor, path: Path, *, shown: str | None = None, on_progress: Callable[[str, int], None] | None = None
) -> Summary:
    """A OneRoster CSV bundle, which people call `shown`. `on_progress(file, rows read)`. Raises SourceFileError."""
    require_permission(by, Permission.MANAGE_CONTENT)
    _recorded(by, OrderKind.ONEROSTER, [path])
    return _logged("oneroster", oneroster.run(path, shown=shown, on_progress=on_progress))


def import_xapi(
    by: Actor,
    paths: Iterable[Path] | Mapping[Path, str],
    *,
    on_progress: xapi.Progress = lambda count, share: None,
) -> Summary:
    """Files of xAPI statements (or path -> what people call it). `on_progress(statements written, share read)`.

    Raises SourceFileError, before anything is written.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    named = dict(paths) if isinstance(paths, Mapping) else {path: str(path) for path in paths}
    _recorded(by, OrderKind.XAPI, list(named))
    return _logged("xapi", xapi.run(named, xapi_verbs(), on_progress=on_progress))


def xapi_verbs() -> dict[tuple[str, str], str]:
    """The rules of the `activity-event` lookups' `metadata.xapiVerbs`: (verb, activity type or "") -> event."""
    found: dict[tuple[str, str], str] = {}
    for key, value in active_lookups(LookupCategory.ACTIVITY_EVENT).items():
        for rule in value.metadata.get("xapiVerbs") or ():
            for activity_type in rule.get("activityTypes") or [""]:
                found[str(rule["verb"]), str(activity_type)] = key
    return found


def map_kept_verbs(by: Actor) -> dict[str, int]:
    """Give events that were kept under an unknown verb their event type, now that there is a rule for the verb.

    Returns how many events each verb gave. Rules with an activity type need the statements again.
    """
    require_permission(by, Permission.MANAGE_CONTENT)
    verbs = xapi_verbs()
    events = current_database().learningevents
    unmapped = {"eventType": None, "verb": {"$type": "string"}}
    changed: dict[str, int] = {}
    for verb in {each["verb"] for each in events.find(unmapped, {"verb": 1})}:
        event_type = verbs.get((verb, "")) or verbs.get((verb.rpartition("/")[2], ""))
        if event_type is None:
            continue
        change = {"$set": {"eventType": event_type, "updatedAt": clock.utcnow()}, "$unset": {"verb": ""}}
        changed[verb] = events.update_many({**unmapped, "verb": verb}, change).modified_count
    return changed


def _recorded(by: Actor, kind: OrderKind, paths: Sequence[Path]) -> None:
    """What a person orders is in the audit trail since the order; what the terminal reads is put there here."""
    if isinstance(by, Terminal):
        audit.record(by, AdminArea.IMPORTS, f"ordered {kind.value}", ", ".join(path.name for path in paths))


def _logged(kind: str, summary: Summary) -> Summary:
    log.info(
        "import done",
        extra={"kind": kind, "added": summary.added, "updated": summary.updated, "refused": summary.refused_count},
    )
    return summary
