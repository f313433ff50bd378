"""What is installed is named with its version and its hashes, all of it, and from nowhere in particular."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LISTS = sorted(path.name for path in ROOT.glob("constraints*.txt"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(name: str) -> dict[str, str]:
    """The list's versions by name. Raises AssertionError for a line that pip would not hold to a hash."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, str] = {}
    for line in filter(None, (each.strip() for each in text.splitlines())):
        requirement = Requirement(HASH.sub("", line).strip())
        version = str(requirement.specifier)
        assert HASH.search(line), f"{name}: {requirement.name} has no hash: run `make constraints`"
        assert re.fullmatch(r"==[^*,]+", version), f"{name}: {requirement.name} is not pinned"
        found[canonicalize_name(requirement.name)] = version.removeprefix("==")
    return found


def needed(*extras: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    return [Requirement(text) for text in texts]


def group(name: str) -> list[Requirement]:
    return [Requirement(text) for text in PYPROJECT["dependency-groups"][name]]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("constraints.txt", [*needed("embedded", "dev"), *group("build")]),
        ("constraints-spark.txt", needed("spark")),
        ("constraints-assets.txt", group("assets")),
        ("constraints-tools.txt", group("tools")),
    ],
)
def test_whatever_is_needed_is_pinned_with_hashes(name: str, wanted: list[Requirement]) -> None:
    there = pins(name)
    lacking = [str(each) for each in wanted if canonicalize_name(each.name) not in there]
    assert lacking == [], "run `make constraints`"
    wrong = [str(each) for each in wanted if not each.specifier.contains(there[canonicalize_name(each.name)], True)]
    assert wrong == [], "run `make constraints`"


def test_no_list_says_another_version_than_the_others_and_none_says_from_where() -> None:
    assert len(LISTS) == 4
    versions: dict[str, str] = {}
    for name in LISTS:
        for package, version in pins(name).items():
            assert versions.setdefault(package, version) == version, package
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_a_build_needs_what_is_pinned() -> None:
    assert PYPROJECT["build-system"]["requires"] == PYPROJECT["dependency-groups"]["build"]


def test_nothing_that_is_installed_lacks_what_it_needs() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_nothing_is_installed_by_the_makefile_but_by_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert all(
        "--require-hashes" in line or line.endswith("--no-deps --no-build-isolation --editable .") for line in installs
    )
