"""Who is asking. Every page needs a signed-in person unless its view says `@public`."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, has_request_context, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user

from webapp.documents import User
from webapp.services import accounts, lookups
from webapp.settings import get_settings

View = TypeVar("View", bound=Callable[..., Any])

#: A poll must not read the person anew each second; a deactivated account acts for this long at most.
REMEMBER_PEOPLE_SECONDS = 5.0


class SignedIn(UserMixin):
    """What Flask-Login keeps: the person, and a trace of the password, so that a new password ends old sessions."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        return f"{self.user.id}.{_password_trace(self.user)}"


def register(app: Flask) -> None:
    """Load the person of each request, and send everyone else to the sign-in page."""
    manager = LoginManager()
    manager.session_protection = "basic"
    manager.init_app(app)
    people = _PeopleCache()

    @manager.user_loader
    def load(session_id: str) -> SignedIn | None:
        user_id, _, trace = session_id.partition(".")
        user = people.get(user_id)
        return SignedIn(user) if user is not None and trace == _password_trace(user) else None

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
    if not has_request_context() or not current_user or not current_user.is_authenticated:
        return None
    return current_user.user


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
        g.permissions = lookups.permissions_of(actor) if actor else frozenset()
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
    if not address or len(address) > 4000 or any(ord(character) < 32 or character == "\\" for character in address):
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


def _password_trace(user: User) -> str:
    return hashlib.sha256((user.password_hash or "").encode()).hexdigest()[:16]


class _PeopleCache:
    """Active people by id, for a few seconds (never, where lookup values are not cached either: in tests)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: dict[str, tuple[float, User | None]] = {}

    def get(self, user_id: str) -> User | None:
        keep = min(REMEMBER_PEOPLE_SECONDS, get_settings().lookup_cache_seconds)
        now = time.monotonic()
        with self._lock:
            known = self._people.get(user_id)
        if known is not None and now - known[0] < keep:
            return known[1]
        user = accounts.active_user(user_id)
        with self._lock:
            if len(self._people) > 5_000:
                self._people.clear()
            self._people[user_id] = (now, user)
        return user

    def forget(self, user_id: str) -> None:
        with self._lock:
            self._people.pop(user_id, None)
