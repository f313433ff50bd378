"""What every form of the pages has in common."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from werkzeug.datastructures import MultiDict
from wtforms import FileField, MultipleFileField


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
