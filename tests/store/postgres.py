"""A PostgreSQL server that all tests of a session share, and databases of it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NewUrl = Callable[[], str]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server: the one of STEELYARD_TEST_POSTGRES, else one started here from Debian's packages."""
    given = os.environ.get("STEELYARD_TEST_POSTGRES")
    if given:
        yield given
        return
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: set STEELYARD_TEST_POSTGRES, or apt-get install postgresql")
    with Cluster(programs) as cluster:
        yield cluster.url


def server_programs() -> Path | None:
    """The folder of the newest PostgreSQL of this machine's packages."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


class Cluster:
    """A private cluster in a temporary folder, which is gone afterwards.

    Attributes:
        url: of its database `postgres`.
    """

    def __init__(self, programs: Path, *options: str) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="steelyard-pg-", dir="/tmp"))
        self._options = options
        self._port = 0
        # PostgreSQL refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(self._folder, "postgres")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"postgresql://steelyard@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Cluster:
        data = str(self._folder / "data")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._call("initdb", "-D", data, "-U", "steelyard", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        self.start()
        return self

    def start(self) -> None:
        """Listen, at the same port as before."""
        more = "".join(f" -c {option}" for option in self._options)
        options = f"-F -p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1{more}"
        log, data = str(self._folder / "log"), str(self._folder / "data")
        self._call("pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        """End it as a crash would; `start` has what was committed."""
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        # pg_ctl's server keeps what it inherits open, so that a pipe would never end.
        with (self._folder / f"{program}.out").open("w+") as output:
            code = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False).returncode
            output.seek(0)
            assert code == 0, output.read()


class _Databases:
    """Empty databases. One that is given back is emptied for the next test: a tenth of the work of making one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[str] = []
        self._free: list[str] = []

    def take(self) -> str:
        """The name of an empty one."""
        import psycopg

        if self._free:
            return self._free.pop()
        name = f"steelyard_test_{secrets.token_hex(6)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        self._made.append(name)
        return name

    def give_back(self, name: str) -> None:
        """End all that is connected to it, and drop what is in it."""
        import psycopg

        with psycopg.connect(self.url_of(name), autocommit=True) as connection:
            others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        self._free.append(name)

    def url_of(self, name: str) -> str:
        """Where it is."""
        return f"{self._url.rpartition('/')[0]}/{name}"

    def drop(self) -> None:
        """Leave none of them on the server."""
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            for name in self._made:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_databases(postgres_url: str) -> Iterator[_Databases]:
    """The databases of the session."""
    databases = _Databases(postgres_url)
    yield databases
    databases.drop()


@pytest.fixture
def new_postgres_url(postgres_databases: _Databases) -> Iterator[NewUrl]:
    """Gives empty databases, which nothing is left of after the test."""
    taken: list[str] = []

    def take() -> str:
        taken.append(postgres_databases.take())
        return postgres_databases.url_of(taken[-1])

    yield take
    for name in taken:
        postgres_databases.give_back(name)
