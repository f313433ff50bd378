"""Reportdesk: the report desk of a learning organisation."""

from importlib.metadata import version

__version__ = version("reportdesk")
