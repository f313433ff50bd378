"""Is a file one that the desk made?"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webapp.services.files import verification
from webapp.web.access import current_actor
from webapp.web.uploading import accepts_upload
from webapp.web.verify.forms import VerifyForm

verify = Blueprint("verify", __name__, url_prefix="/verify")

#: Files of millions of rows stay under this; for a larger one there is the checksum.
LARGEST_FILE_BYTES = 512 * 1024 * 1024


@verify.get("/")
def index() -> ResponseReturnValue:
    """Drop a file here."""
    return render_template("verify/index.html", form=VerifyForm())


@verify.post("/")
@accepts_upload(lambda: LARGEST_FILE_BYTES)
def check() -> ResponseReturnValue:
    """Which report the file belongs to. Nothing of it is kept."""
    form = VerifyForm()
    if not form.validate():
        return render_template("verify/index.html", form=form), HTTPStatus.UNPROCESSABLE_ENTITY
    sha256 = form.sha256()
    origins = verification.origins(current_actor(), sha256)
    names = verification.requesters(origins)
    return render_template("verify/index.html", form=form, sha256=sha256, origins=origins, names=names)
