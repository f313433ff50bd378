"""`make bench`: how fast the desk is, as ratios against a named baseline measured in the same run.

python -m tests.bench            all parts
python -m tests.bench import     one part
"""

from __future__ import annotations

import sys

from tests.bench import (
    engine_speed,
    files,
    import_speed,
    queue_cost,
    schedules,
    web,
    web_choices,
    web_edge,
    web_pages,
    web_polls,
    web_table,
)

PARTS = {
    "import": import_speed.main,
    "engine": engine_speed.main,
    "files": files.main,
    "queue": queue_cost.main,
    "schedules": schedules.main,
    "web": web.main,
}
#: A part of a part, by name; never among all parts.
PIECES = {
    "web-polls": web_polls.main,
    "web-pages": web_pages.main,
    "web-choices": web_choices.main,
    "web-table": web_table.main,
    "web-edge": web_edge.main,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    for name in wanted:
        if name not in PARTS | PIECES:
            sys.exit(f"There is no part {name}. Known: {', '.join(PARTS | PIECES)}.")
        print(f"--- {name}")
        (PARTS | PIECES)[name]()


if __name__ == "__main__":  # the parts start processes that import this again
    main()
