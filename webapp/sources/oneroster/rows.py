"""OneRoster as a source: what its bundles are, and the rows of the record that they make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from webapp.messages import Message
from webapp.sources.csv_tables import Row
from webapp.sources.files import SourceFile
from webapp.sources.oneroster.bundle import Bundle, bundle_of, may_be_ours
from webapp.sources.oneroster.forms import FORMS, FORMS_NOT_NEEDED
from webapp.sources.oneroster.learning import Learning
from webapp.sources.oneroster.organisation import Organisation
from webapp.sources.oneroster.people import People
from webapp.sources.oneroster.reading import SOURCE, Progress, Reading

if TYPE_CHECKING:
    from webapp.record.staging import Staging


class OneRosterSource:
    """CSV bundles of OneRoster 1.1 and 1.2. No source writes accounts: a roster tells of persons alone."""

    name = SOURCE
    label = Message("OneRoster bundle")
    takes = Message("a OneRoster 1.1 or 1.2 bundle")

    def look(self, files: Sequence[SourceFile]) -> str | None:
        """What these files are, when they are OneRoster's; only their beginnings are read."""
        return self.label if any(may_be_ours(each) for each in files) else None

    def read(
        self, files: Sequence[SourceFile], staging: Staging, *, on_progress: Progress = lambda count, share: None
    ) -> None:
        """Give every row of these files to `staging`. `on_progress(rows read, share of the files read)`.

        Raises SourceFileError.
        """
        name = files[0].name if len(files) == 1 else Message("the files that were sent")
        read_bundle(bundle_of(files, name), staging, on_progress)


def read_bundle(bundle: Bundle, staging: Staging, on_progress: Progress = lambda count, share: None) -> None:
    """Give every row of a bundle to `staging`, and tell what its files no longer name."""
    reading = Reading(bundle, staging, on_progress)
    organisation = Organisation(reading)
    people = People(reading, organisation)
    learning = Learning(reading, organisation, people)
    organisation.read()
    people.read_roles()
    learning.read_enrollments()
    learning.read_line_items()
    learning.read_results()
    # People come last: who learns and who teaches is told by what they do, too.
    people.read_users()
    _set_aside_the_rest(reading)
    reading.finish()
    _end_what_is_gone(bundle, staging)


def _set_aside_the_rest(reading: Reading) -> None:
    """The files of the standard that no report is about are checked and counted."""
    counts: Counter[str] = Counter()
    for form in FORMS_NOT_NEEDED:

        def make(line: int, row: Row, file: str = form.name) -> None:
            counts[file] += 1

        reading.each(form.name, make)
    for file, count in counts.items():
        reading.set_aside(file, Message("of no use for reports"), count)


def _end_what_is_gone(bundle: Bundle, staging: Staging) -> None:
    """A file that holds everything there is ends what it no longer names."""
    for form in FORMS:
        if not bundle.is_bulk(form.name):
            continue
        if form.name == "users" and not _tells_roles(bundle):
            staging.note(
                Message("roles.csv is no bulk file: people who are not in users.csv any more stay as they are")
            )
            continue
        for table in form.tables:
            staging.whole(table)


def _tells_roles(bundle: Bundle) -> bool:
    """Do the bundle's bulk files say of everybody whether they learn or teach?"""
    return bundle.is_bulk("roles") or "role" in bundle.tables["users"].keys


__all__ = ["OneRosterSource", "read_bundle"]
