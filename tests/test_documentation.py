"""What the documents say is there, is there; what is not shown, is not kept."""

from __future__ import annotations

from tests.screenshots import ROOT, shown_by_the_readme


def test_the_repository_keeps_the_pictures_that_the_readme_shows_and_no_other():
    shown = shown_by_the_readme()
    assert shown
    assert set((ROOT / "docs" / "screenshots").iterdir()) == set(shown)
