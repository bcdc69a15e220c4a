"""`steelyard review serve` in a process of its own, for tests and measurements."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests import warm

ROOT = Path(__file__).parents[3]
_CALL = "from harness.cli.review import serve; serve()"
_WITH_LEASE = (
    "import functools, harness.review.web as web; web.WebOptions = functools.partial(web.WebOptions, lease_s={})"
)


class Server:
    """A server over the store of a folder.

    Args:
        lease_s: how long a lease runs, in place of the usual time.

    Attributes:
        url: its address.
        link: the address that signs in once.
    """

    def __init__(self, folder: Path, *options: str, port: int = 0, lease_s: float | None = None) -> None:
        self._folder = folder
        self.log = folder / "serve.log"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        code = _CALL if lease_s is None else f"{_WITH_LEASE.format(lease_s)}; {_CALL}"
        command = ("-c", code, "--store", "store.db", "--port", str(port), *options)
        with self.log.open("w") as errors:
            self.process = warm.start(
                *command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.greeting = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if "Ctrl-C" in line:
                break
        else:
            self.process.communicate()
            raise RuntimeError(f"The server did not start:\n{self.greeting}{self.log.read_text()}")
        self.link = next(word for word in self.greeting.split() if word.startswith("http"))
        self.url = self.link.partition("/sign-in")[0]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """As the kernel would when memory runs out."""
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; gives the exit code and what was printed since."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
