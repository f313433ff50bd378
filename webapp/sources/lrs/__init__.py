"""An xAPI learning record store, asked for what it stored since last time: files of statements, which `xapi` reads."""

from webapp.sources.lrs.access import LrsAccess, access
from webapp.sources.lrs.pull import LrsAnswer, LrsPull, check, pull

__all__ = ["LrsAccess", "LrsAnswer", "LrsPull", "access", "check", "pull"]
