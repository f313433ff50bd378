"""`make bench`: how fast the desk is, as ratios against a named baseline measured in the same run.

python -m tests.bench            all parts
python -m tests.bench import     one part
"""

from __future__ import annotations

import sys

from tests.bench import files, import_speed

PARTS = {"files": files.main, "import": import_speed.main}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            sys.exit(f"There is no part {name}. Known: {', '.join(PARTS)}.")
        print(f"--- {name}")
        PARTS[name]()


main()
