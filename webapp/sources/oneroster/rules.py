"""The rules of the standard that do not hold in a bundle: told with file and line, and taken all the same.

A row that cannot be taken is refused where rows are made; here stands what a roster gets wrong and can be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from webapp.messages import Message
from webapp.sources.csv_tables import CsvTable, Row, key_of
from webapp.sources.oneroster.bundle import Bundle
from webapp.sources.oneroster.forms import FORM_OF, Column, FileForm, Holds
from webapp.sources.oneroster.values import CHECKS, case_identifier, is_guid

#: Each rule is told by so many lines of a file; the rest are counted.
LINES_TOLD = 3
#: So many values that are right are remembered for each column, and so many ids that are yet to be met for each file.
MOST_REMEMBERED = 200_000
METADATA = "metadata."
#: References that lead nowhere are refused where rows are made, or by the record.
REFUSED_ELSEWHERE = frozenset(
    {
        *(("enrollments", "classSourcedId"), ("enrollments", "userSourcedId"), ("lineItems", "classSourcedId")),
        *(("results", "lineItemSourcedId"), ("results", "studentSourcedId")),
    }
)

#: (file, line, text, how many rows it is about)
Tell = Callable[[str, int, str, int], None]
#: (column, its key in rows, whether it is wrong where it is given, or where it is not, what is told)
_Life = tuple[str, str, bool, str]
_Check = tuple[str, Column, Callable[[Column, str], str | None], set[str], bool]


class Rules:
    """`tell(file, line, text, count)` hears of every rule that does not hold; of many alike `finish` tells the rest."""

    def __init__(self, bundle: Bundle, ids: dict[str, set[str]], tell: Tell) -> None:
        self._bundle = bundle
        self._ids = ids
        self._tell = tell
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._rest: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._pending: dict[str, dict[str, tuple[str, int, Column]]] = {}
        for each in bundle.broken:
            tell(*each, 1)

    def of_file(self, file: str) -> FileRules:
        """The rules of one file's rows; what is wrong with its heading has been told."""
        return FileRules(self, file, self._bundle)

    def broken(self, file: str, line: int, column: str, text: str) -> None:
        """A rule that does not hold. Of one column, alike ones are told a few times and then counted."""
        kind = (file, column, text.template if isinstance(text, Message) else text)
        self._counts[kind] += 1
        if self._counts[kind] <= LINES_TOLD:
            self._tell(file, line, text, 1)
        elif kind not in self._rest:
            self._rest[kind] = (line, text)

    def refer(self, file: str, line: int, column: Column, key: str) -> None:
        """Remember that a row refers to `key`, which may come later."""
        if key in self._ids.get(column.refers_to, ()):
            return
        waiting = self._pending.setdefault(column.refers_to, {})
        if len(waiting) < MOST_REMEMBERED:
            waiting.setdefault(key, (file, line, column))

    def finish(self) -> None:
        """Every row has been seen: tell the references that lead nowhere, and how many more rows break each rule."""
        for target, waiting in self._pending.items():
            for key, (file, line, column) in waiting.items():
                if key not in self._ids.get(target, ()):
                    told = Message(
                        "%(column)s %(key)s: there is no such row in %(target)s.csv",
                        column=column.name,
                        key=key[:60],
                        target=target,
                    )
                    self.broken(file, line, column.name, told)
        for kind, (line, text) in self._rest.items():
            more = self._counts[kind] - LINES_TOLD
            self._tell(
                kind[0],
                line,
                Message("more rows like this: %(text)s", text=text),
                more,
            )


class FileRules:
    """The rules of the rows of one file."""

    def __init__(self, rules: Rules, file: str, bundle: Bundle) -> None:
        self._rules = rules
        self._file = file
        self._table: CsvTable = bundle.tables[file]
        self._shown = self._table.file.name
        self._form: FileForm = FORM_OF[file.casefold()]
        self._mode = bundle.modes.get(file, "")
        there = set(self._table.keys)
        self._checks: list[_Check] = [
            (column.key, column, CHECKS[column.holds], set(), column.holds.repeats)
            for column in self._form.columns_of(bundle.version)
            if column.key in there and self._is_checked(column)
        ]
        self._references = [
            (column.key, column)
            for column in self._form.columns_of(bundle.version)
            if column.key in there and self._leads(column, bundle)
        ]
        self._life = list(self._rules_of_life())
        for text in self._of_heading(bundle.version):
            rules.broken(self._shown, 1, "", text)

    def check(self, line: int, row: Row) -> None:
        """Tell what is wrong in this row, which is taken."""
        for key, column, wrong_with, right, repeats in self._checks:
            value = row.get(key, "")
            if value in right:
                continue
            if not value:
                if column.is_required:
                    self._broken(line, column.name, Message("%(column)s is empty", column=column.name))
                continue
            if (wrong := wrong_with(column, value)) is None:
                if repeats and len(right) < MOST_REMEMBERED:
                    right.add(value)
            else:
                self._broken(
                    line,
                    column.name,
                    wrong
                    if self._may_be_shown
                    else Message("%(column)s is not as the standard wants it", column=column.name),
                )
        for heading, column in self._references:
            for key in _keys(column, row.get(heading, "")):
                self._rules.refer(self._shown, line, column, key)
        self._check_life(line, row)
        if "learningobjectiveid" in row and (wrong := case_identifier(row)):
            self._broken(line, "learningObjectiveId", wrong)

    def finish(self) -> None:
        """Every row has been read."""
        for line in self._table.loose:
            self._broken(
                line, '"', Message("a quotation mark stands in a cell that is not enclosed in them; it was kept")
            )

    def _is_checked(self, column: Column) -> bool:
        """Texts are wrong only where they are missing; what a row's life says is checked by the mode."""
        if column.holds is Holds.STATUS or (column.holds is Holds.MOMENT and self._mode == "bulk"):
            return False
        return column.is_required or column.holds is not Holds.TEXT

    @property
    def _may_be_shown(self) -> bool:
        """Cells of files that no report is about (births, passwords) are never repeated."""
        return bool(self._form.tables) or self._form.name == "roles"

    def _leads(self, column: Column, bundle: Bundle) -> bool:
        """Must the rows that this column refers to be in the bundle? Not where it only brings changes."""
        target = column.refers_to
        if not target or (self._file, column.name) in REFUSED_ELSEWHERE or self._mode == "delta":
            return False
        if target in bundle.tables:
            return bundle.modes.get(target) != "delta"
        if self._mode == "bulk" and column.is_required:
            told = Message(
                "%(column)s refers to %(target)s.csv, which the bundle does not hold", column=column.name, target=target
            )
            self._broken(1, column.name, told)
        return False

    def _rules_of_life(self) -> Iterator[_Life]:
        for name in ("status", "dateLastModified"):
            if self._mode == "bulk":
                told = Message("%(column)s is given in a bulk file, where the standard wants none", column=name)
                yield name, name.casefold(), True, told
            if self._mode == "delta":
                told = Message("%(column)s is empty; every row of a delta needs it", column=name)
                yield name, name.casefold(), False, told

    def _check_life(self, line: int, row: Row) -> None:
        for name, key, is_wrong_if_given, told in self._life:
            if bool(row.get(key, "")) is is_wrong_if_given:
                self._broken(line, name, told)

    def _of_heading(self, version: str) -> Iterator[str]:
        wanted = [each.name for each in self._form.columns_of(version)]
        renamed = self._table.renamed
        given = [each.strip() for each in self._table.headings]
        by_key = {each.casefold(): each for each in wanted}
        read = [renamed.get(key_of(each), key_of(each)) for each in given]
        if lacking := [each for each in wanted if each.casefold() not in read]:
            yield Message("headings that are not there: %(names)s", names=lacking)
        standard = [key for key in read if key in by_key]
        if standard != [key for key in by_key if key in standard]:
            yield Message("the headings are not in the order of the standard")
        for name, key in zip(given, read, strict=True):
            if key in by_key and name != by_key[key]:
                yield Message("the heading %(name)s: the standard writes %(wanted)s", name=name, wanted=by_key[key])
        if others := [name for name, key in zip(given, read, strict=True) if not self._is_allowed(key, by_key)]:
            yield Message(
                "headings that are none of OneRoster's: %(names)s", names=[each[:60] or "–" for each in others]
            )
        extra = next((place for place, key in enumerate(read) if key.startswith(METADATA)), len(read))
        if late := [name for name, key in zip(given[extra:], read[extra:], strict=True) if key in by_key]:
            yield Message("headings that stand after one of metadata: %(names)s", names=late)

    @staticmethod
    def _is_allowed(key: str, by_key: dict[str, str]) -> bool:
        return key in by_key or key.startswith(METADATA)

    def _broken(self, line: int, column: str, text: str) -> None:
        self._rules.broken(self._shown, line, column, text)


def _keys(column: Column, value: str) -> list[str]:
    if column.holds is Holds.GUIDS and "," in value:
        return [each.strip() for each in value.split(",") if is_guid(each.strip())]
    return [value] if value and is_guid(value) else []
