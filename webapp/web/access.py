"""Who is asking. Every page needs a signed-in person unless its view says `@public`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, has_request_context, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from webapp.documents import User
from webapp.services.people import accounts
from webapp.services.permissions import permissions_of
from webapp.services.remembered import Remembered

View = TypeVar("View", bound=Callable[..., Any])

#: As long as gunicorn takes (`cli.web`).
LONGEST_ADDRESS = 8_000


class SignedIn(UserMixin):
    """What Flask-Login keeps: the person, and a trace of the password, so that a new password ends old sessions."""

    def __init__(self, user: User) -> None:
        self.user = user
        trace = hashlib.sha256((user.password_hash or "").encode()).hexdigest()[:16]
        self._id = f"{user.id}.{trace}"

    def get_id(self) -> str:
        return self._id


def register(app: Flask) -> None:
    """Load the person of each request, and send everyone else to the sign-in page."""
    manager = LoginManager()
    manager.session_protection = "basic"
    manager.init_app(app)
    # A poll must not read the person anew each second; a deactivated account acts for `RIGHTS_SECONDS` at most.
    people: Remembered[str, SignedIn | None] = Remembered(_active_person)

    @manager.user_loader
    def load(session_id: str) -> SignedIn | None:
        person = people.get(session_id.partition(".")[0])
        return person if person is not None and person.get_id() == session_id else None

    @app.before_request
    def require_sign_in() -> ResponseReturnValue | None:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None or getattr(view, "is_public", False) or actor_or_none() is not None:
            return None
        return sign_in_first()

    app.extensions["reportdesk-people"] = people
    app.jinja_env.globals["actor"] = actor_or_none
    app.jinja_env.globals["actor_may"] = lambda permission: permission in permissions()


def public(view: View) -> View:
    """Mark a view that needs nobody signed in."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def permission_required(permission: str) -> Callable[[View], View]:
    """Answer 404 to people without `permission`: what one may not use, one need not know about."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if permission not in permissions():
                from werkzeug.exceptions import NotFound

                raise NotFound()
            return view(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


def actor_or_none() -> User | None:
    """The person of this request, or None when nobody is signed in."""
    # Looked up once: each use of the proxy looks it up again, and every request asks several times.
    person = current_user._get_current_object() if has_request_context() else None
    return person.user if isinstance(person, SignedIn) else None


def current_actor() -> User:
    """The person of this request. Views behind the sign-in have one."""
    actor = actor_or_none()
    if actor is None:
        raise RuntimeError("a view that needs a person is marked @public")
    return actor


def permissions() -> frozenset[str]:
    """The permissions of the person of this request; looked up once."""
    if "permissions" not in g:
        actor = actor_or_none()
        g.permissions = permissions_of(actor) if actor else frozenset()
    return g.permissions


def sign_in(user: User) -> None:
    """Start a new session for `user`. Nothing of the session before it stays, so none can be planted."""
    session.clear()
    login_user(SignedIn(user))
    session.permanent = False


def forget(user: User) -> None:
    """Read this person anew at the next request, because the account has changed."""
    current_app.extensions["reportdesk-people"].forget(str(user.id))


def sign_in_first() -> ResponseReturnValue:
    """To the sign-in page, and back here afterwards; what was typed into a form goes with it."""
    is_htmx = request.headers.get("HX-Request") == "true"
    if is_htmx:
        # A fragment cannot show a sign-in page: the whole page goes there, and comes back to itself.
        back_to = local_path(request.headers.get("HX-Current-URL")) or url_for("home.index")
        response = Response(status=401)
        response.headers["HX-Redirect"] = url_for("auth.sign_in", next=back_to)
        return response
    if request.method in {"GET", "HEAD"}:
        return redirect(url_for("auth.sign_in", next=request.full_path.rstrip("?")))
    with_form: ResponseReturnValue | None = current_app.extensions["reportdesk-resume"]()
    return with_form or redirect(url_for("auth.sign_in", next=local_path(request.referrer) or url_for("home.index")))


def local_path(address: str | None) -> str | None:
    """`address` as a path on this site, or None for anywhere else. Guards every redirect that a request names."""
    if (
        not address
        or len(address) > LONGEST_ADDRESS
        or any(ord(character) < 32 or character == "\\" for character in address)
    ):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.netloc and (parts.scheme not in {"http", "https"} or parts.netloc != request.host):
        return None
    if parts.scheme and not parts.netloc:
        return None
    path = parts.path or "/"
    if not path.startswith("/") or path.startswith("//"):
        return None
    return f"{path}?{parts.query}" if parts.query else path


def _active_person(user_id: str) -> SignedIn | None:
    user = accounts.active_user(user_id)
    return SignedIn(user) if user is not None else None
