"""Parts by e-mail: each its own file to whoever may read all of its rows, word of it to others; nothing of siblings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import People, make_class, make_learner
from tests.services.bursting.college import make_parts, work_on
from tests.services.bursting.conftest import named
from tests.services.deliveries.conftest import mail, mail_settings, mail_tls
from tests.services.deliveries.desk import send_all
from tests.services.deliveries.mail_server import MailServer
from tests.services.schedules.conftest import request, wish
from webapp.documents import Burst, Delivery, ReportJob
from webapp.services.schedules import firing, keeping
from webapp.settings import get_settings

__all__ = ["mail", "mail_settings", "mail_tls"]


@pytest.fixture
def figures(registrar: People, without_charts: None) -> None:
    """A learner in each of two departments."""
    for department, name in ((registrar.department, "Greek"), (registrar.other_department, "Optics")):
        make_learner(f"Somebody of {name}", of=make_class(name, department=department))


def run(registrar: People, folder: Path, **burst: object) -> dict[str, ReportJob]:
    """A run of the schedule, made by a worker; its parts by name."""
    schedule = keeping.create(registrar.owner, wish(request=request(), burst=Burst(by="department", **burst)))
    whole = work_on(firing.run_now(registrar.owner, schedule.id).id, folder)
    return {job.name.partition(": ")[2]: work_on(job.id, folder) for job in make_parts(whole.id)}


@pytest.mark.usefixtures("figures")
def test_each_manager_gets_their_own_file_and_nothing_of_another(
    registrar: People,
    mail: MailServer,
    tmp_path: Path,
) -> None:
    made = run(registrar, tmp_path)
    assert send_all() == ["sent"] * 4, "a letter and a notice to each of two managers"
    assert [len(mail.to(str(person.email))) for person in (registrar.manager, registrar.other_manager)] == [1, 1]
    (letter,) = mail.to(str(registrar.other_manager.email))
    (file,) = letter.iter_attachments()
    content = file.get_content()
    assert "Optics,1" in (content.decode() if isinstance(content, bytes) else content)
    said = letter.as_string() + str(content)
    for other in ("Greek", "History", "Faculty", str(made["History"].id), str(made["History"].parent_id)):
        assert other not in said


@pytest.mark.usefixtures("figures")
def test_who_is_named_gets_the_file_only_where_they_read_its_rows(
    registrar: People,
    mail: MailServer,
    mail_settings: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    mail_settings.setenv("REPORTDESK_MAIL_ALLOWED_DOMAINS", "partner.example")
    get_settings.cache_clear()
    other = named(registrar.other_department.id, registrar.colleague.email, "board@partner.example")
    run(registrar, tmp_path, named=other, by_mail=True)
    send_all()
    files = {
        recipient: [part.get_filename() for part in message.iter_attachments()]
        for recipient, message, _ in mail.letters
        if "Physics" in str(message["Subject"])
    }
    assert files[str(registrar.colleague.email)] == [], "he reads History alone: word of it, without figures"
    assert len(files["board@partner.example"]) == 1
    assert Delivery.objects(recipient="board@partner.example").first().is_outside is True
    assert str(registrar.other_manager.email) not in files, "others are named in his place"


@pytest.mark.usefixtures("figures")
def test_without_letters_they_are_told_in_their_inbox_alone(
    registrar: People,
    mail: MailServer,
    tmp_path: Path,
) -> None:
    run(registrar, tmp_path, by_mail=False)
    assert send_all() == ["sent", "sent"]
    assert mail.letters == []
