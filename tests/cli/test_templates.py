"""`reportdesk templates`: questions that are kept, listed, shown, used and retired in the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from bson import ObjectId

from tests.cli.conftest import Terminal
from tests.cli.test_commands import enroll
from tests.factories import People
from tests.services.templates.made import QUESTION, make_template
from webapp.documents import AdminEvent, LookupValue, ReportJob, ReportTemplate
from webapp.services.templates import saving, seeding
from webapp.services.templates.saving import Texts


@pytest.mark.does("templates list", "templates retire")
def test_templates_are_listed_found_retired_and_brought_back(people: People, terminal: Terminal) -> None:
    mine = make_template(people.owner, "Board figures")
    make_template(people.stranger, "Others")
    seeding.seed()
    listed = terminal("templates", "list").stdout
    assert f"{mine.id}  Board figures  [Olivia Owner, version 1, used 0]\n" in listed
    assert "  Transcript  [the desk, version 1, used 0]\n" in listed
    assert terminal("templates", "list", "BOARD", "olivia").stdout.count("\n") == 1
    assert terminal("templates", "list", "zzz").stdout == ""
    assert terminal("templates", "retire", str(mine.id)).stdout == "“Board figures” is retired.\n"
    assert "Board" not in terminal("templates", "list", "board").stdout
    assert "Board" in terminal("templates", "list", "--retired").stdout
    assert AdminEvent.objects.get(action="retired").user_id is None
    done = terminal("templates", "retire", str(mine.id), "--bring-back")
    assert done.stdout == "“Board figures” can be used again.\n"
    LookupValue.objects(key="completion-rate").update(set__is_active=False)
    assert "(cannot be used as it is)" in terminal("templates", "list", "board").stdout


@pytest.mark.does("templates show")
def test_a_template_is_shown_with_what_its_versions_changed(people: People, terminal: Terminal) -> None:
    template = make_template(people.owner, "Board figures")
    saving.edit(
        people.owner, template.id, 1, texts=Texts("Rates"), request=QUESTION.model_copy(update={"format": "json"})
    )
    said = terminal("templates", "show", str(template.id)).stdout
    assert said.startswith("Rates\n  Rows: Enrollments\n")
    assert "  Format: JSON\n" in said
    assert "  Format: CSV → JSON\n" in said
    assert "  Name: Board figures → Rates\n" in said
    assert "Olivia Owner\n" in said
    first = terminal("templates", "show", str(template.id), "--version", "1").stdout
    assert first.startswith("Board figures\n")
    assert "  Format: CSV\n" in first


@pytest.mark.does("templates use")
def test_a_template_is_used_and_its_file_written(people: People, tmp_path: Path, terminal: Terminal) -> None:
    enroll(people)
    question = QUESTION.model_copy(update={"filename": "{department}, {period} - {name}"})
    template = make_template(people.owner, question=question, visibility="organization")
    target = tmp_path / "rates.csv"
    done = terminal(
        "templates", "use", str(template.id), "--as", people.colleague.email, "--output", str(target), "--quiet"
    )
    assert done.exit_code == 0, done.stderr
    assert target.read_text(encoding="utf-8-sig").splitlines()[1] == "HIS1-S,4,50%"
    job = ReportJob.objects.get()
    assert (job.requested_by, job.template_id, job.template_version) == (people.colleague.id, template.id, 1)
    assert job.output.storage.key.endswith("/History, All time - Completion rates by class.csv")
    assert ReportTemplate.objects.get(id=template.id).usage_count == 1


@pytest.mark.refuses("templates list", "templates show", "templates use", "templates retire")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list", "--nothing"), "No such option"),
        (("show", str(ObjectId())), "There is no template"),
        (("show", "x"), "There is no template x"),
        (("show", "{id}", "--version", "7"), "has no version 7; its newest is 1"),
        (("use", "{id}", "--as", "stefan.stranger@staff.example"), "There is no template"),
        (("use", "{id}", "--as", "nobody@staff.example"), "nobody@staff.example"),
        (("use", "{retired}"), "“Old” is retired"),
        (("retire", str(ObjectId())), "There is no template"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    people: People, terminal: Terminal, arguments: tuple[str, ...], words: str
) -> None:
    ids = {"{id}": str(make_template(people.owner).id), "{retired}": str(make_template(people.owner, "Old").id)}
    terminal("templates", "retire", ids["{retired}"])
    done = terminal("templates", *(ids.get(each, each) for each in arguments))
    assert done.exit_code in (1, 2)
    assert words in done.stderr
    assert ReportJob.objects.count() == 0
