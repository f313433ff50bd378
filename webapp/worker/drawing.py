"""The worker's side of the process that draws the charts of its jobs: started when a job is, while its question is
being answered, and again when it has ended. Nothing depends on it: a child that gets no answer draws by itself."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from webapp.renderers import drawer

log = logging.getLogger(__name__)


class Drawer:
    """`address` is the socket that the process listens on; nothing while it does not run."""

    def __init__(self) -> None:
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def ensure(self) -> str:
        """Start it unless it runs; returns its address, nothing where the machine has no room for it."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            try:
                self._start()
            except OSError as error:
                log.warning("the process that draws charts did not start", extra={"error": type(error).__name__})
                self.close()
        return self.address

    def _start(self) -> None:
        # Short, since the address of a socket has 100 letters at most; and of its owner alone.
        self.address = str(Path(tempfile.mkdtemp(prefix="reportdesk-")) / "drawer")
        self._process = subprocess.Popen(
            [sys.executable, "-I", drawer.__file__, self.address], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        """End it, and leave nothing behind."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.kill()
            self._process.wait()
            self._process = None
        if self.address:
            shutil.rmtree(Path(self.address).parent, ignore_errors=True)
            self.address = ""
