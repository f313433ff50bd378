"""A OneRoster 1.2 REST service, asked for everything or for what changed: a CSV bundle, which `oneroster` reads."""

from webapp.sources.oneroster_rest.access import RestAccess, access
from webapp.sources.oneroster_rest.pull import RestPull, check, pull

__all__ = ["RestAccess", "RestPull", "access", "check", "pull"]
