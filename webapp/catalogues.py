"""The catalogues of translations, compiled; and a language by its locale, for whoever is not a page.

`translations/<locale>/LC_MESSAGES/messages.po` is what people edit; it is compiled into `<home>/cache` when a process
finds no compiled form of exactly this text.
"""

from __future__ import annotations

import hashlib
import os
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from webapp.messages import Language
from webapp.settings import get_settings

SOURCE = Path(__file__).with_name("translations")
#: Languages that are complete, by what they call themselves.
LANGUAGES = {"en": "English", "es": "Español"}


def language_of(locale: str) -> Language:
    """How texts are said in `locale`; one that has no catalogue is English with its own numbers and days."""
    return _Language(locale, _catalogue(locale, get_settings().home / "cache"))


class _Language:
    def __init__(self, locale: str, catalogue: NullTranslations) -> None:
        self._locale, self._catalogue = locale, catalogue

    def text(self, english: str) -> str:
        return str(self._catalogue.ugettext(english))

    def counted(self, one: str, many: str, count: int) -> str:
        return str(self._catalogue.ungettext(one, many, count))

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self._locale))

    def day(self, value: date) -> str:
        return str(format_date(value, "d MMMM y" if self._locale[:2] == "en" else "long", locale=self._locale))


@lru_cache(maxsize=8)
def _catalogue(locale: str, cache: Path) -> NullTranslations:
    if locale[:2] == "en":
        return NullTranslations()
    return Translations.load(str(compile_catalogues(SOURCE, cache)), [locale, locale[:2]])


def compile_catalogues(source: Path, cache: Path) -> Path:
    """The folder of compiled catalogues of `source`, made where it is missing."""
    catalogues = sorted(source.glob("*/LC_MESSAGES/*.po"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in catalogues)).hexdigest()[:12]
    folder = cache / f"translations-{digest}"
    for path in catalogues:
        target = folder / path.relative_to(source).with_suffix(".mo")
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        compiled = BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file))
        # Several processes may start together: each writes its own draft, and the last rename wins with equal bytes.
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_bytes(compiled.getvalue())
        draft.replace(target)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
