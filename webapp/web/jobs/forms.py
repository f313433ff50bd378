"""Small forms of a report's page."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from webapp.documents.report_job import DESCRIPTION_LENGTH, NAME_LENGTH
from webapp.web.forms import DeskForm


class EditForm(DeskForm):
    """A report's name and description."""

    name = StringField(
        _l("Name"),
        [
            InputRequired(_l("A report needs a name.")),
            Length(max=NAME_LENGTH, message=_l("A name has at most %(max)d characters.")),
        ],
    )
    description = TextAreaField(
        _l("Description"),
        [Length(max=DESCRIPTION_LENGTH, message=_l("A description has at most %(max)d characters."))],
        render_kw={"rows": 3},
    )
