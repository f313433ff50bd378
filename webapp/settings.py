"""Settings from the environment (`REPORTDESK_*`), read once. A bad value stops start-up and names itself."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
from datetime import timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0)]
#: What guards something must not be guessed: `openssl rand -hex 32` gives one that will do.
SHORTEST_SECRET = {"secret_key": 32, "metrics_token": 16}


#: An address under which people find the desk: nothing follows the host and its port.
PUBLIC_URL = r"^https?://[^/?#\s]+$"


class Settings(BaseSettings):
    """What an installation can set. Every name is an environment variable: `home` is `REPORTDESK_HOME`. A blank one is
    as good as none."""

    # The input stays out of errors: it may be a secret, and errors end in logs.
    model_config = SettingsConfigDict(env_prefix="REPORTDESK_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(default=Path("var"), description="The one folder that holds all state.")
    mongodb_uri: str | None = Field(default=None, description="A MongoDB; without it an embedded server is used.")
    mongodb_database: str = Field(default="reportdesk", pattern=r"^[A-Za-z0-9_-]{1,38}$")
    jobs_database: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,63}$",
        description="Where report jobs and lookup values live when an LMS's client shares them; else with the rest.",
    )
    lms_uri: SecretStr | None = Field(
        default=None, description="An LMS's MongoDB that is read in place; its database is the path of the address."
    )
    lms_mapping: str = Field(default="cadence", description="How it is read: a shipped mapping's name, or a file's.")
    lms_refresh_seconds: float = Field(
        default=300, ge=0, description="Before a report what the LMS has changed is read, at most so often; 0: never."
    )
    storage_url: str | None = Field(default=None, description="file:, s3:, gs: or az:; default: a folder in `home`.")
    record_url: str | None = Field(
        default=None,
        description="Where the learning record lives: file:, s3:, gs: or az:; default: a folder in `home`.",
    )
    engine: str = Field(
        default="duckdb",
        pattern=r"^(duckdb|spark://[A-Za-z0-9._-]+:\d{1,5}(,[A-Za-z0-9._-]+:\d{1,5})*)$",
        description="What works out reports: duckdb, on the worker's machine; or a Spark master, spark://host:port.",
    )
    secret_key: SecretStr | None = Field(
        default=None, description="Signs sessions; default: made once, kept in `home`."
    )
    # Both end a session, whichever comes first; a page that only polls is not a person who is there.
    session_idle_minutes: int = Field(default=720, ge=5, description="A session that nobody uses for so long ends.")
    session_days: float = Field(default=7, gt=0, le=90, description="However much it is used, a session ends then.")
    reset_link_minutes: int = Field(
        default=60, ge=5, le=7 * 24 * 60, description="How long a link for a new password works."
    )
    public_url: str | None = Field(
        default=None,
        pattern=PUBLIC_URL,
        description="Where people find the desk, such as https://reports.example.org: for links outside pages.",
    )
    metrics_token: SecretStr | None = Field(default=None, description="Bearer token for /metrics; unset: no metrics.")
    security_contact: str | None = Field(
        default=None,
        pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[^\s]+|tel:\+[0-9-]+)$",
        description="Whom to tell of a fault (mailto:, https:, tel:), in /.well-known/security.txt; unset: no file.",
    )
    organization_name: str = "Reportdesk"
    time_zone: str = Field(default="UTC", description="The zone of reports and people that name none.")
    default_locale: str = "en"
    secure_cookies: bool = Field(default=False, description="True behind HTTPS.")
    trusted_proxies: int = Field(default=0, ge=0, le=4, description="Reverse proxies whose X-Forwarded-* to believe.")

    lookup_cache_seconds: float = Field(default=60, ge=0, le=60)

    # The queue (DESIGN §6). Three missed heartbeats and a margin make a dead worker.
    heartbeat_seconds: Seconds = 5
    lease_seconds: Seconds = 30
    heartbeat_grace_seconds: Seconds = Field(default=25, description="Without an acknowledged beat a child is killed.")
    reap_seconds: Seconds = 5
    poll_seconds: Seconds = 0.5
    retry_base_seconds: Seconds = 15
    retry_cap_seconds: Seconds = 3600
    max_attempts: int = Field(default=5, ge=1, description="Attempts before a temporary error becomes final.")
    max_crashes: int = Field(default=3, ge=1)
    requester_cap: int = Field(default=5, ge=1, description="Jobs of one person that may be queued or running at once.")
    cancel_grace_seconds: Seconds = 10
    shutdown_grace_seconds: Seconds = 25
    queue_alarm_seconds: Seconds = Field(default=300, description="A due job that waits longer raises the alarm.")
    job_time_limit_seconds: Seconds = 3600
    job_memory_limit_mb: int = Field(default=2048, ge=256)

    forbid_everyone_for_named_learners: bool = Field(
        default=False, description="True: a report that names learners is never shared with everyone."
    )

    # Retention (DESIGN §2)
    file_retention_days: float = Field(default=7, gt=0)
    job_retention_days: float = Field(default=30, gt=0)
    audit_retention_days: float = Field(default=365, gt=0)
    delivery_retention_days: float = Field(
        default=90, gt=0, description="How long the ledger keeps what was delivered to whom."
    )
    notice_retention_days: float = Field(default=90, gt=0, description="How long a notice stays in an inbox.")
    record_retention_days: float = Field(
        default=30, gt=0, description="How long one can go back to an older version of the learning record."
    )
    comparison_days: float = Field(
        default=400,
        ge=0,
        description="How long a schedule's last report has the version of the learning record kept that it was made "
        "of, for the next one to tell what changed; longer than a year for those that run once a year. 0: no longer "
        "than other versions.",
    )
    raw_file_days: float = Field(
        default=400, ge=0, description="How long the files of imports are kept, packed; 0 keeps none."
    )

    # Files
    xapi_class_iris: str = Field(
        default="",
        description="Which xAPI activities are classes: patterns with blanks between them, such as "
        "https://lms.example/class/{key}; {key} is a class's sourcedId, {code} its code, * anything.",
    )
    # Systems that are asked over HTTP (webapp/sources/lrs, webapp/sources/oneroster_rest)
    lrs_url: str | None = Field(
        default=None, description="An xAPI record store's endpoint: its address without /statements."
    )
    lrs_key: str | None = Field(default=None, description="Who asks it.")
    lrs_secret: SecretStr | None = None
    lrs_version: str = Field(
        default="1.0.3", pattern=r"^(1\.0\.[0-3]|2\.0\.0)$", description="In which xAPI it is asked."
    )
    lrs_page_size: int = Field(default=500, ge=1, le=100_000, description="Statements of one answer.")
    lrs_allow_http: bool = Field(default=False, description="True: the store is asked without encryption.")
    oneroster_url: str | None = Field(
        default=None, description="A OneRoster 1.2 service: what stands before /rostering/v1p2 in its addresses."
    )
    oneroster_token_url: str | None = Field(default=None, description="Where its OAuth 2 tokens are given out.")
    oneroster_client_id: str | None = None
    oneroster_client_secret: SecretStr | None = None
    oneroster_scopes: str = Field(
        default="https://purl.imsglobal.org/spec/or/v1p2/scope/roster.readonly "
        "https://purl.imsglobal.org/spec/or/v1p2/scope/gradebook.readonly",
        description="What a token is asked for, with blanks between them.",
    )
    oneroster_page_size: int = Field(default=1000, ge=1, le=100_000, description="Rows of one answer.")
    oneroster_allow_http: bool = Field(default=False, description="True: it is asked without encryption.")
    # What goes out (webapp/services/deliveries)
    smtp_host: str | None = Field(default=None, description="The mail server; unset: nothing goes out by e-mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: str = Field(
        default="starttls",
        pattern="^(starttls|tls|none)$",
        description="starttls (port 587), tls from the first byte (465), or none: for a server on this machine.",
    )
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_timeout_seconds: Seconds = Field(default=30, description="How long one answer of the mail server may take.")
    mail_from: str | None = Field(
        default=None,
        pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$",
        description="The address that letters come from, such as reports@example.org.",
    )
    mail_size_limit_mb: float = Field(
        default=10, gt=0, description="Of a whole letter as it is sent; a larger file goes as a link."
    )
    mail_allowed_domains: str = Field(
        default="",
        description="Domains, with blanks between them, to whose addresses reports may go although nobody signs in "
        "with them.",
    )
    mail_per_minute: int = Field(default=120, ge=1, description="Letters that the mail server is given in a minute.")
    webhook_allow_http: bool = Field(default=False, description="True: webhooks may go out without encryption.")
    webhook_allow_private: bool = Field(
        default=False, description="True: webhooks may go to this machine and to private networks."
    )
    webhook_per_minute: int = Field(default=60, ge=1, description="Webhooks that one host is given in a minute.")
    delivery_retry_hours: float = Field(
        default=24, gt=0, description="How long a delivery is tried again that could not be made."
    )
    delivery_time_limit_seconds: Seconds = Field(default=120, description="How long one try may take.")
    upload_limit_mb: int = Field(default=1024, ge=1, description="Of LMS files sent by the browser in one go.")
    filename_template: str = Field(default="{name}-{date}", description="What a file is called that nobody named.")
    pdf_row_limit: int = Field(default=5000, ge=1)
    signed_url_seconds: int = Field(default=300, ge=1, le=3600)

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError) as error:
            raise ValueError(f"“{zone}” is not a time zone, such as Europe/Madrid") from error
        return zone

    @field_validator("engine")
    @classmethod
    def _installed_engine(cls, engine: str) -> str:
        if engine.startswith("spark:") and importlib.util.find_spec("pyspark") is None:
            raise ValueError("Spark is not installed here: pip install 'reportdesk[spark]'")
        return engine

    @model_validator(mode="before")
    @classmethod
    def _blank_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if not isinstance(value, str) or value.strip()}

    @field_validator("secret_key", "metrics_token")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        least = SHORTEST_SECRET[str(info.field_name)]
        if secret is not None and len(secret.get_secret_value().strip()) < least:
            raise ValueError(f"it is too short to keep anyone out; use at least {least} characters")
        return secret

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.smtp_host is not None:
            for name, why in (
                ("public_url", "letters have links in them"),
                ("mail_from", "letters come from somebody"),
            ):
                if getattr(self, name) is None:
                    raise ValueError(f"set REPORTDESK_{name.upper()} beside REPORTDESK_SMTP_HOST: {why}")
        return self

    @property
    def mail_domains(self) -> frozenset[str]:
        """`mail_allowed_domains`, one by one, in lower case."""
        return frozenset(self.mail_allowed_domains.lower().split())

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def heartbeat(self) -> timedelta:
        return timedelta(seconds=self.heartbeat_seconds)

    @property
    def effective_storage_url(self) -> str:
        """Where finished files live."""
        return self.storage_url or (self.home / "storage").as_uri()

    @property
    def effective_record_url(self) -> str:
        """Where the learning record lives: Delta tables, and the record versions."""
        return self.record_url or (self.home / "record").as_uri()

    @property
    def scratch_folder(self) -> Path:
        """Where a job's child process works; emptied when the job ends."""
        return self.home / "scratch"

    @cached_property
    def session_key(self) -> str:
        """The key that signs sessions: `secret_key`, or one made on first use and kept, readable by its owner only."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        path = self.home / "secret_key"
        self.home.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Whole or not at all: another process of this home may read it at any moment.
            draft = path.with_name(f"secret_key.{secrets.token_hex(4)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key = path.read_text(encoding="ascii")
        if len(key) < SHORTEST_SECRET["secret_key"]:
            raise ValueError(f"{path} holds no key: delete the file, and a new one is made. Everyone signs in anew.")
        return key


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings. Tests clear the cache (`get_settings.cache_clear()`) after changing the environment."""
    return Settings()
