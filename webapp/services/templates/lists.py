"""The list of templates: searched and narrowed in the facts that this process keeps, favourites first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bson import ObjectId

from webapp.documents import User
from webapp.services.plain_text import folded
from webapp.services.rights import organisation
from webapp.services.templates import facts, seeing, standing
from webapp.services.templates.facts import TemplateFacts

PAGE_SIZE = 25
#: The tags that most templates have.
TAGS_OFFERED = 20


class Whose(StrEnum):
    """Which templates a list holds. Those that are retired stand in a list of their own."""

    ALL = "all"
    FAVOURITES = "favourites"
    MINE = "mine"
    SHARED = "shared"
    SYSTEM = "system"
    RETIRED = "retired"


@dataclass(frozen=True)
class TemplateQuery:
    text: str = ""
    whose: Whose = Whose.ALL
    tag: str = ""
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.text or self.tag)


@dataclass(frozen=True)
class TemplatePage:
    """One page of the list. `problems`: what keeps one of them from being used, by id; `tags` with how many have it."""

    templates: list[TemplateFacts]
    count: int
    number: int
    names: dict[ObjectId, str]
    problems: dict[ObjectId, list[str]]
    tags: list[tuple[str, int]]

    @property
    def pages(self) -> int:
        return max(1, -(-self.count // PAGE_SIZE))

    is_by_date = False
    is_bounded = False


def page(actor: User, query: TemplateQuery, say: Callable[[str], str] = str) -> TemplatePage:
    """`say` tells a text in the reader's language, in which the desk's own templates are searched too."""
    of_list = [template for template in seeing.visible_templates(actor) if _belongs(actor, template, query.whose)]
    found = [
        template
        for template in facts.find(of_list, query.text, say)
        if not query.tag or folded(query.tag) in map(folded, template.tags)
    ]
    favourites = set(actor.favourite_template_ids)
    # The favourites at the front, the desk's own at the end, and each of them by name.
    found.sort(key=lambda each: (each.id not in favourites, each.is_system, folded(say(facts.name_of(each)))))
    number = min(max(query.page, 1), max(1, -(-len(found) // PAGE_SIZE)))
    shown = found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    authors = {template.created_by for template in shown if template.created_by not in (None, actor.id)}
    return TemplatePage(
        shown,
        len(found),
        number,
        organisation.names_of_people(each for each in authors if each),
        {template.id: problems for template in shown if (problems := standing.problems(template))},
        _tags(of_list),
    )


def search(actor: User, text: str, most: int, say: Callable[[str], str] = str) -> list[TemplateFacts]:
    """The first `most` that may be used and have all words of `text`, favourites first."""
    return page(actor, TemplateQuery(text), say).templates[:most]


def _belongs(actor: User, template: TemplateFacts, whose: Whose) -> bool:
    if template.is_active is (whose is Whose.RETIRED):
        return False
    is_mine = template.created_by == actor.id
    return {
        Whose.FAVOURITES: template.id in actor.favourite_template_ids,
        Whose.MINE: is_mine,
        Whose.SHARED: not is_mine and not template.is_system,
        Whose.SYSTEM: template.is_system,
    }.get(whose, True)


def _tags(templates: list[TemplateFacts]) -> list[tuple[str, int]]:
    """Each as it is written first, those of most templates at the front."""
    written: dict[str, str] = {}
    for template in templates:
        for tag in template.tags:
            written.setdefault(folded(tag), tag)
    counted = Counter(folded(tag) for template in templates for tag in template.tags)
    return [(written[tag], count) for tag, count in sorted(counted.items(), key=lambda each: (-each[1], each[0]))][
        :TAGS_OFFERED
    ]
