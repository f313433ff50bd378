"""What children do in tests of publishing: the real work, with a fault while the file is being stored.

The job's name says which: `kill 7` ends the child with SIGKILL at the seventh step of its first attempt (each call of the
storage, and the question whether the job is still held, has a step before and a step after it); `limit 4096` lets no
file of the first attempts grow beyond that; anything else has no fault.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from typing import Any

from webapp.storage import Storage
from webapp.worker import execution
from webapp.worker.assignment import Context, Outcome

#: put, stat and read back for three files, the question, three moves; before and after each.
STEPS = 26
#: The fork server has the environment that it was started with; these tell children of a test's own S3 server.
AWS = "REPORTDESK_TEST_AWS_"


def work(context: Context) -> Outcome:
    os.environ.update({name.removeprefix("REPORTDESK_TEST_"): os.environ[name] for name in os.environ if AWS in name})
    verb, _, argument = context.job.name.partition(" ")
    if verb == "kill" and context.assignment.fence == 1:
        _kill_at(int(argument), context)
    if verb == "limit":
        _before_first_put(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(argument), int(argument))))
    return execution.execute(context)


def _kill_at(step: int, context: Context) -> None:
    taken = 0

    def take() -> None:
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def between_steps(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            take()
            found = call(*args, **kwargs)
            take()
            return found

        return wrapped

    for name in ("put", "stat", "sha256", "move"):
        setattr(Storage, name, between_steps(getattr(Storage, name)))
    context.require_hold = between_steps(context.require_hold)  # type: ignore[method-assign]


def _before_first_put(action: Callable[[], None]) -> None:
    put = Storage.put

    def limited(*args: Any, **kwargs: Any) -> None:
        action()
        put(*args, **kwargs)

    Storage.put = limited  # type: ignore[method-assign]
