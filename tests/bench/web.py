"""How fast the pages are: polls of many watchers, pages on a busy month, and a filter as one types."""

from tests.bench import web_choices, web_pages, web_polls


def main() -> None:
    web_polls.main()
    web_pages.main()
    web_choices.main()
