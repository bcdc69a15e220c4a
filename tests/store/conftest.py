"""A PostgreSQL server of the tests' own, and stores on either database."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.store import Store
from tests.store.drawn import at, filled

__all__ = ["at", "filled"]

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
NewUrl = Callable[[], str]
OpenStore = Callable[..., Store]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server: the one of STEELYARD_TEST_POSTGRES, else one started here from Debian's packages."""
    given = os.environ.get("STEELYARD_TEST_POSTGRES")
    if given:
        yield given
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not programs:
        pytest.skip("no PostgreSQL: set STEELYARD_TEST_POSTGRES, or apt-get install postgresql")
    with ExitStack() as stack:
        yield stack.enter_context(_Cluster(programs[-1].parent))


class _Cluster:
    """A private cluster in a temporary folder, which is gone afterwards."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="steelyard-pg-", dir="/tmp"))
        # PostgreSQL refuses to run as root.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(self._folder, "postgres")

    def __enter__(self) -> str:
        data = str(self._folder / "data")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._call("initdb", "-D", data, "-U", "steelyard", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        options = f"-F -p {port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._call("pg_ctl", "-D", data, "-l", str(self._folder / "log"), "-w", "-t", "60", "-o", options, "start")
        return f"postgresql://steelyard@127.0.0.1:{port}/postgres"

    def __exit__(self, *_: object) -> None:
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder)

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        # pg_ctl's server keeps what it inherits open, so that a pipe would never end.
        with (self._folder / f"{program}.out").open("w+") as output:
            code = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False).returncode
            output.seek(0)
            assert code == 0, output.read()


@pytest.fixture
def new_postgres_url(postgres_url: str) -> Iterator[NewUrl]:
    """Makes empty databases, which are gone after the test."""
    import psycopg

    made: list[str] = []
    server, _, _ = postgres_url.rpartition("/")

    def make() -> str:
        name = f"steelyard_test_{secrets.token_hex(6)}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        made.append(name)
        return f"{server}/{name}"

    yield make
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DATABASES)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """`new_url()`: a place for a store that does not exist yet, on either database."""
    if request.param == "postgres":
        make: NewUrl = request.getfixturevalue("new_postgres_url")
        return make
    return lambda: str(tmp_path / secrets.token_hex(4) / "store.db")


@pytest.fixture
def url(new_url: NewUrl) -> str:
    """The place of one store on either database."""
    return new_url()


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """`open_store(url, readonly=False)`, closed after the test."""
    with ExitStack() as stack:
        yield lambda url, **options: stack.enter_context(Store.open(url, **options))


@pytest.fixture
def store(url: str, open_store: OpenStore) -> Store:
    """An empty store on either database."""
    return open_store(url)
