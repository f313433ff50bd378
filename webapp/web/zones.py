"""Choosing a time zone: hundreds of them, in every form that has one, and always the same."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from markupsafe import Markup
from wtforms import SelectField
from wtforms.widgets import html_params


@cache
def all_zones() -> frozenset[str]:
    """Read once: the standard library goes through hundreds of files for them."""
    return frozenset(available_timezones())


@cache
def zone_names() -> tuple[str, ...]:
    """Time zones by place, as a form offers them."""
    return tuple(sorted(zone for zone in all_zones() if "/" in zone and not zone.startswith("Etc/")))


@cache
def _options() -> Markup:
    return Markup("").join(_option(zone, zone) for zone in zone_names())


def _option(value: str, text: str, *, is_selected: bool = False) -> Markup:
    begin = Markup('<option selected value="') if is_selected else Markup('<option value="')
    return begin + value + Markup('">') + text + Markup("</option>")


class ZoneField(SelectField):
    """`first` are the choices before all zones. An option at a time, they would be half of a page's time."""

    def offer(self, *first: tuple[str, str]) -> None:
        self._first = first
        self.choices = [*first, *((zone, zone) for zone in zone_names())]

    def widget(self, field: SelectField, **kwargs: Any) -> Markup:
        kwargs.setdefault("id", self.id)
        first = Markup("").join(_option(*each, is_selected=each[0] == self.data) for each in self._first)
        options = _options()
        if self.data in zone_names():
            plain, chosen = (_option(self.data, self.data, is_selected=each) for each in (False, True))
            options = options.replace(plain, chosen, 1)
        begin = Markup("<select %s>") % Markup(html_params(name=self.name, **kwargs))  # noqa: S704  (escaped)
        return begin + first + options + Markup("</select>")


__all__ = ["ZoneField", "all_zones", "zone_names"]
