"""The web application: settings, database, security and pages, wired together once."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import documents, embedded
from webapp.private_home import make_private
from webapp.services.deliveries.mail.plain import mailer_of
from webapp.services.jobs import facts as job_facts
from webapp.services.people.resets import Mailer
from webapp.services.questions import filter_choices
from webapp.services.schedules import lists as schedule_lists
from webapp.services.templates import facts as template_facts
from webapp.settings import Settings, get_settings
from webapp.web import (
    access,
    assets,
    error_pages,
    formatting,
    health,
    languages,
    limits,
    security_headers,
    this_machine,
    uploading,
    well_formed,
)
from webapp.web.admin.views import admin
from webapp.web.auth.views import auth
from webapp.web.department.views import department
from webapp.web.home.views import home
from webapp.web.inbox.views import inbox, unsubscribe_now
from webapp.web.jobs.views import jobs
from webapp.web.report_templates.views import report_templates
from webapp.web.schedules.views import schedules
from webapp.web.verify.views import verify

ROOT = Path(__file__).resolve().parent.parent
#: A form is small; views that take files say so (`web.uploading`).
LARGEST_FORM_BYTES = 2 * 1024 * 1024
BLUEPRINTS = (auth, home, jobs, schedules, report_templates, department, admin, verify, inbox)


def create_app(settings: Settings | None = None, *, connect: bool = True, mailer: Mailer | None = None) -> Flask:
    """The WSGI application. Connects to the database (starting the embedded one where none is set).

    `connect=False` leaves the connection to the caller: tests have theirs already. `mailer` sends links for new
    passwords, by default the mail server that is set; without one an administrator hands them over. Raises ValueError
    for one where `public_url` is not set.
    """
    settings = settings or get_settings()
    mailer = mailer or mailer_of(settings)
    if mailer is not None and settings.public_url is None:
        raise ValueError("Letters have links in them: set REPORTDESK_PUBLIC_URL to where people find the desk.")
    if connect:
        make_private(settings.home)
        documents.connect(embedded.ensure_running(settings), settings.mongodb_database)
        job_facts.read_ahead()
        schedule_lists.read_ahead()
        template_facts.read_ahead()
        filter_choices.read_ahead()
    app = Flask("reportdesk", root_path=str(ROOT), template_folder="templates", static_folder=None)
    app.config.update(
        SECRET_KEY=settings.session_key,
        SESSION_COOKIE_NAME="reportdesk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        REMEMBER_COOKIE_HTTPONLY=True,
        REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_SECURE=settings.secure_cookies,
        MAX_CONTENT_LENGTH=LARGEST_FORM_BYTES,
        MAX_FORM_PARTS=5_000,
        # A token lives as long as its session: a form left open over lunch must still work.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=settings.secure_cookies,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    languages.register(app, settings)
    uploading.register(app)
    # Before CSRF: a session that has ended must lead to the sign-in page, with what was typed, not to an error.
    access.register(app)
    this_machine.register(app)
    # A program for mail unsubscribes with one click, and has no session; the link itself is the proof.
    CSRFProtect(app).exempt(unsubscribe_now)
    limits.register(app)
    formatting.register(app, settings)
    security_headers.register(app, settings)
    error_pages.register(app)
    health.register(app)
    app.extensions["reportdesk-mailer"] = mailer
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    well_formed.register(app)
    assets.register(app, ROOT / "static", settings.home / "cache")
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
