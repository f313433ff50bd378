"""How fast the pages are: polls of many watchers, pages on a busy month, a filter as one types, and the table of a large
result."""

from tests.bench import web_choices, web_pages, web_polls, web_table


def main() -> None:
    web_polls.main()
    web_pages.main()
    web_choices.main()
    web_table.main()
