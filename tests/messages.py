"""`make messages`: bring the texts of the code and the templates into webapp/translations/<language>/…/messages.po.

New ones come in untranslated, those that nobody uses any more go, translations stay as they are.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
TRANSLATIONS = ROOT / "webapp" / "translations"
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
#: What marks a text; for the plural ones, which of their arguments are texts.
KEYWORDS = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "Message": None,
    "counted": (1, 2),
}


def wanted() -> Catalog:
    """Every text for people that the code and the templates hold."""
    catalog = Catalog()
    for folder in ("webapp", "templates"):
        for _, _, text, _, context in extract_from_dir(ROOT / folder, METHODS, keywords=KEYWORDS):
            catalog.add(text, context=context)
    return catalog


def catalogues() -> dict[str, Path]:
    """The file of each language."""
    return {path.parts[-3]: path for path in sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))}


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


@cache
def spanish() -> Catalog:
    """For tests, which look at it a hundred times and change nothing in it."""
    return read(catalogues()["es"])


def untranslated(catalog: Catalog) -> list[str]:
    """The texts that have no translation, or one that somebody has to look at."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalog
        if message.id and (message.fuzzy or not message.string or not all(message.string))
    ]


def main() -> None:
    for language, path in catalogues().items():
        catalog = read(path)
        # No date that changes with every run: merges would meet at it.
        catalog.update(wanted(), no_fuzzy_matching=True, update_creation_date=False)
        with path.open("wb") as file:
            write_po(file, catalog, width=110, sort_output=True, ignore_obsolete=True, no_location=True)
        print(f"{language}: {len(catalog)} texts, {len(untranslated(catalog))} without a translation")


if __name__ == "__main__":
    main()
