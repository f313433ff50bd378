"""Who is asking. Every page needs a signed-in person unless its view says `@public`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import (
    Flask,
    current_app,
    g,
    has_request_context,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user, logout_user
from itsdangerous import BadData, URLSafeTimedSerializer

from webapp import clock
from webapp.documents import User
from webapp.services.people import accounts, sessions
from webapp.services.people.sessions import OpenSession
from webapp.services.permissions import permissions_of
from webapp.services.remembered import Remembered
from webapp.web.browsers import browser_of

View = TypeVar("View", bound=Callable[..., Any])

#: As long as gunicorn takes (`cli.web`).
LONGEST_ADDRESS = 8_000
#: Where Flask-WTF keeps what the tokens of a session's forms are made of.
FORM_SECRET = "csrf_token"  # noqa: S105 - a name


class SignedIn(UserMixin):
    """What Flask-Login holds for a request: the person, and the session by which they are here."""

    def __init__(self, user: User, session: OpenSession, cookie: str) -> None:
        self.user = user
        self.session = session
        self._cookie = cookie

    def get_id(self) -> str:
        return self._cookie


class _Known:
    """Sessions and people as this process remembers them: a poll must not read them anew each second. Whatever ended
    elsewhere ends here within `RIGHTS_SECONDS`; what this process ends is forgotten at once."""

    def __init__(self) -> None:
        self.sessions: Remembered[str, OpenSession | None] = Remembered(sessions.find)
        self.people: Remembered[str, User | None] = Remembered(accounts.active_user)

    def signed_in(self, cookie: str) -> SignedIn | None:
        """Whoever the cookie's session belongs to, while it is open."""
        session_id, _dot, token = cookie.partition(".")
        found = self.sessions.get(session_id)
        if found is None or not found.is_opened_by(token) or found.has_ended(clock.utcnow()):
            return None
        person_id = str(found.user_id)
        person = self.people.get(person_id)
        if person is None or (person.session_epoch or 0) < found.epoch:
            # Begun by another process, after something that this one has not heard of.
            self.people.forget(person_id)
            person = self.people.get(person_id)
        if person is None or (person.session_epoch or 0) != found.epoch:
            return None
        return SignedIn(person, found, cookie)


def register(app: Flask) -> None:
    """Load the person of each request, and send everyone else to the sign-in page."""
    manager = LoginManager()
    # Sessions are kept on the server and end there. Its own way writes a mark into the cookie of whoever is not signed
    # in, so that a late answer to the page before would undo what the next page's form is sealed with.
    manager.session_protection = None
    manager.init_app(app)
    known = _Known()
    manager.user_loader(known.signed_in)

    @app.before_request
    def require_sign_in() -> ResponseReturnValue | None:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None or getattr(view, "is_public", False):
            return None
        signed_in = _signed_in()
        if signed_in is None:
            return sign_in_first()
        _seen(signed_in.session)
        return None

    app.extensions["reportdesk-known"] = known
    app.jinja_env.globals["actor"] = actor_or_none
    app.jinja_env.globals["actor_may"] = lambda permission: permission in permissions()


def _seen(session: OpenSession) -> None:
    """Now and then write down that the session is used. A page that asks for itself again is nobody's doing."""
    now = clock.utcnow()
    if "HX-PTag" in request.headers or now - session.last_seen_at < sessions.SEEN_EVERY:
        return
    sessions.seen(session, now)
    _known().sessions.forget(str(session.id))


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
    signed_in = _signed_in()
    return signed_in.user if signed_in is not None else None


def _signed_in() -> SignedIn | None:
    # Looked up once: each use of the proxy looks it up again, and every request asks several times.
    person = current_user._get_current_object() if has_request_context() else None
    return person if isinstance(person, SignedIn) else None


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


def ask_no_more_of_the_database() -> None:
    """It is away: what this request has not learned yet of its person it does without, so that the page which says so
    can be shown."""
    if not hasattr(g, "_login_user"):
        g._login_user = AnonymousUserMixin()
    g.setdefault("permissions", frozenset())
    g.setdefault("unread_notices", 0)


def current_session() -> OpenSession:
    """The session of this request. Views behind the sign-in have one."""
    signed_in = _signed_in()
    if signed_in is None:
        raise RuntimeError("a view that needs a session is marked @public")
    return signed_in.session


def sign_in(user: User) -> None:
    """Start a new session for `user` in this browser. The one before it ends, and nothing of it stays, so none can be
    planted."""
    sign_out()
    started, token = sessions.start(
        user, browser=browser_of(request.user_agent.string), address=request.remote_addr or ""
    )
    forget(user)
    login_user(SignedIn(user, started, f"{started.id}.{token}"))
    session[FORM_SECRET] = f"{user.id}.{secrets.token_hex(20)}"
    session.permanent = False


def sign_out() -> None:
    """End the session of this request, if there is one, and forget all that this browser carries of it."""
    signed_in = _signed_in()
    if signed_in is not None:
        sessions.end(signed_in.user, str(signed_in.session.id))
        _known().sessions.forget(str(signed_in.session.id))
    logout_user()
    session.clear()
    # A page that this request still renders must carry the token of the session that follows.
    g.pop(FORM_SECRET, None)


def form_belongs_to() -> str | None:
    """The id of the person for whom the form of this request was made, as its CSRF token says, whatever became of the
    session; None for a form that this server did not make, or made for nobody."""
    token = request.form.get(FORM_SECRET) or request.headers.get("X-CSRFToken") or ""
    try:
        secret = URLSafeTimedSerializer(current_app.secret_key or "", salt="wtf-csrf-token").loads(token)
    except BadData:
        return None
    person_id, dot, _random = str(secret).partition(".")
    return person_id if dot else None


def forget(user: User) -> None:
    """Read this person anew at the next request, because the account has changed."""
    _known().people.forget(str(user.id))


def forget_session(session_id: str) -> None:
    """Read this session anew at the next request, because it has ended."""
    _known().sessions.forget(session_id)


def _known() -> _Known:
    known: _Known = current_app.extensions["reportdesk-known"]
    return known


def sign_in_first() -> ResponseReturnValue:
    """To the sign-in page, and back here afterwards; what was typed into a form goes with it."""
    if request.headers.get("HX-Request") == "true":
        # A part of a page cannot show a sign-in page, and what is being typed on the page must not be lost.
        back_to = local_path(request.headers.get("HX-Current-URL")) or url_for("home.index")
        response = make_response(render_template("auth/_session_ended.html", back_to=back_to), HTTPStatus.UNAUTHORIZED)
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "innerHTML"
        return response
    if request.method in {"GET", "HEAD"}:
        return redirect(url_for("auth.sign_in", next=_this_address()))
    with_form: ResponseReturnValue | None = current_app.extensions["reportdesk-resume"]()
    return with_form or redirect(url_for("auth.sign_in", next=local_path(request.referrer) or url_for("home.index")))


def _this_address() -> str:
    """Path and query of this request; bytes that are no text are shown as such (`full_path` fails on them)."""
    query = request.query_string.decode(errors="replace")
    return f"{request.path}?{query}" if query else request.path


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
