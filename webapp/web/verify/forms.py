"""A file, or its checksum."""

from __future__ import annotations

import re
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import StringField
from wtforms.validators import ValidationError

from webapp.services.files import verification
from webapp.web.forms import DeskForm

_SHA256 = re.compile(r"[0-9a-f]{64}")


class VerifyForm(DeskForm):
    file = FileField(_l("Choose the file, or drop it here"))
    checksum = StringField(_l("Or its SHA-256 checksum"), render_kw={"spellcheck": "false", "autocomplete": "off"})

    def validate_checksum(self, field: StringField) -> None:
        if self.file.data:
            return
        if not (field.data or "").strip():
            raise ValidationError(gettext("Choose a file, or type its checksum."))
        if not _SHA256.fullmatch(field.data.strip().lower()):
            raise ValidationError(gettext("A SHA-256 checksum has 64 digits, 0-9 and a-f."))

    def sha256(self) -> str:
        """Of what was given. Call it after `validate`."""
        upload: Any = self.file.data
        return verification.sha256_of(upload.stream) if upload else (self.checksum.data or "").strip().lower()
