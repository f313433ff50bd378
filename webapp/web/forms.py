"""What every form of the pages has in common."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from wtforms import FileField, MultipleFileField

from webapp.web.languages import in_readers_language


class DeskForm(FlaskForm):
    """A form that a page has sent: texts in fields for text, files in fields for files, whatever else was sent there.

    Flask-WTF mixes both, and takes JSON with values of any kind, which no field expects.
    """

    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            if formdata is not _Auto:
                return formdata
            if request.method not in {"POST", "PUT", "PATCH", "DELETE"}:
                return None
            sent: MultiDict[str, Any] = MultiDict(request.form)
            for field in form._fields.values():
                if isinstance(field, FileField | MultipleFileField):
                    sent.poplist(field.name)
                    if files := request.files.getlist(field.name):
                        sent.setlist(field.name, files)
            return sent

    #: The form's field for what a service calls otherwise; and the one for what no field is about: by itself the first.
    field_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    field_of_the_rest = ""

    def add_errors(self, errors: Mapping[str, str]) -> None:
        """Put what a service found wrong (`InvalidRequestError.fields`) under the fields that it is about."""
        rest = self._fields[self.field_of_the_rest or next(iter(self._fields))]
        for name, text in errors.items():
            field = self._fields.get(self.field_names.get(name, name), rest)
            field.errors = [*field.errors, in_readers_language(text)]
