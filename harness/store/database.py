"""One database behind a store: opening it, reading, writing, and its errors in words."""

from __future__ import annotations

import functools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    StatementError,
)

from harness.errors import LockedError, StoreError, UnstorableError, install
from harness.store.location import prepare_store_folder, without_password
from harness.store.schema import meta, metadata, schema_version

BUSY_S = 60.0
"""Seconds to wait for a lock."""
_REPAIR = (
    "Put a copy of it in its place; or remove it, and the next gate makes a new one. What can still be read of it "
    "comes into a new one by: sqlite3 OLD .recover | sqlite3 NEW"
)
_ROOM = (
    "Free some space on its disk, or move the store, with the files beside it that begin with its name, to another and "
    "name that with --store (`steelyard store prune` needs room, too); then run again."
)
_ELSEWHERE = "Choose another place with --store, or with `store` in [tool.steelyard]."
_NAP_MS = 100
_PREPARE_LOCK = 0x5734E1
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg")


class Database:
    """An open database with the store's tables in it.

    Attributes:
        url: as a message may show it.
        readonly: whether writing is refused.
    """

    def __init__(self, engine: Engine, url: str, *, readonly: bool) -> None:
        self.engine = engine
        self.url = url
        self.readonly = readonly
        self._local = threading.local()

    @classmethod
    def open(cls, url: str, *, readonly: bool) -> Database:
        """Open and check a database; when it may be written, make what is missing and write to it once.

        Raises:
            StoreError: it can't be opened, written or understood.
        """
        parsed = _parse(url)
        shown = without_password(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite_engine(parsed, shown, readonly=readonly)
        else:
            engine = _postgres_engine(parsed)
        database = cls(engine, shown, readonly=readonly)
        try:
            database._check() if readonly else database._prepare()
        except BaseException:
            engine.dispose()
            raise
        return database

    @property
    def is_sqlite(self) -> bool:
        """True where this is SQLite, not Postgres."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose statements see one state of the database."""
        with self._translated(), self.engine.connect() as plain:
            connection = plain if self.is_sqlite else plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self, wait_s: float = BUSY_S) -> Iterator[Connection]:
        """A connection in a transaction that is committed at the end, or undone by an exception.

        On SQLite it holds the write lock from its start, so that what it reads is still true when it writes. Within
        another transaction of its thread it is that one.

        Args:
            wait_s: how long to wait for that lock, in seconds.

        Raises:
            LockedError: another process held it for longer.
        """
        if self.readonly:
            raise StoreError(f"The store {self.url} is open for reading only.")
        if self._joined is not None:
            yield self._joined
            return
        with self._translated(), self.engine.connect() as plain:
            connection = plain.execution_options(steelyard_write=wait_s)
            with connection.begin(), self._joining(connection):
                yield connection

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let all that this thread reads within be of one state of the database."""
        with self.read() as connection, self._joining(connection):
            yield

    @contextmanager
    def _joining(self, connection: Connection) -> Iterator[None]:
        before, self._local.joined = self._joined, connection
        try:
            yield
        finally:
            self._local.joined = before

    @property
    def _joined(self) -> Connection | None:
        return getattr(self._local, "joined", None)

    def _here(self) -> AbstractContextManager[Connection]:
        return self.read() if self._joined is None else nullcontext(self._joined)

    def rows(self, query: Any, **values: Any) -> Sequence[Any]:
        """All rows of a query, as the transaction that this thread is in sees them, if it is in one."""
        with self._here() as connection:
            return connection.execute(query, values).all()

    def pages(self, query: Any, size: int) -> Iterator[Sequence[Any]]:
        """The same, so many rows at once."""
        with self._here() as connection, connection.execute(query, execution_options={"yield_per": size}) as rows:
            yield from rows.partitions()

    def values(self, query: Any, **values: Any) -> list[Any]:
        """The first column of `rows`."""
        return [row[0] for row in self.rows(query, **values)]

    def add(self, table: Any, rows: Sequence[dict[str, Any]], *returning: Any) -> Any:
        """Insert rows but for those whose key is taken. Gives how many were not, or these columns of them."""
        if not rows:
            return 0
        with self.write() as connection:
            options = {"preserve_rowcount": not returning}
            made = connection.execute(_insert(table, *returning), rows, execution_options=options)
            return made.all() if returning else made.rowcount

    def lock(self, connection: Connection, *locked: Any) -> None:
        """Keep other writers from tables until the transaction ends."""
        for table in () if self.is_sqlite else locked:
            connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DataError, IntegrityError, ProgrammingError, OverflowError) as error:
            raise UnstorableError(f"The store {self.url} does not take a value: {cause_of(error)}") from error
        except DBAPIError as error:
            kind = LockedError if "locked" in cause_of(error) else StoreError
            raise kind(f"The store {self.url} {in_words(error, readonly=self.readonly)}") from error
        except StatementError as error:
            raise UnstorableError(f"The store {self.url} does not take a value: {cause_of(error)}") from error

    def _prepare(self) -> None:
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_PREPARE_LOCK})"))
            if not inspect(connection).has_table(meta.name):
                foreign = inspect(connection).get_table_names() if self.is_sqlite else []
                if foreign:
                    raise StoreError(
                        f"The database {self.url} belongs to something else: it holds the tables "
                        f"{', '.join(foreign[:5])} and none of Steelyard's. {_ELSEWHERE}"
                    )
                metadata.create_all(connection)
                connection.execute(meta.insert(), {"name": "schema_version", "value": schema_version()})
            self._check_version(connection)
            connection.execute(meta.delete().where(meta.c.name == "opened"))
            connection.execute(meta.insert(), {"name": "opened", "value": repr(time.time())})

    def _check(self) -> None:
        with self.read() as connection:
            if not inspect(connection).has_table(meta.name):
                raise StoreError(f"The database {self.url} holds no store: it has no table {meta.name}.")
            self._check_version(connection)

    def _check_version(self, connection: Connection) -> None:
        written = connection.scalar(select(meta.c.value).where(meta.c.name == "schema_version"))
        if written != schema_version():
            raise StoreError(
                f"The store {self.url} has schema version {written}, and this Steelyard reads {schema_version()} "
                "alone: name another with --store, or move it away, and the next gate makes a new one."
            )


@functools.cache
def _insert(table: Any, *returning: Any) -> Any:
    statement = insert(table).on_conflict_do_nothing()  # of Postgres's dialect, and SQLite's compiler takes it as well
    return statement.returning(*returning) if returning else statement


def _parse(url: str) -> URL:
    if "://" not in url:
        return URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"The store {without_password(url)!r} is neither a path nor a URL. {_ELSEWHERE}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    if parsed.drivername in _POSTGRES:
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"The store {without_password(url)!r} is of a kind that Steelyard does not keep stores in. "
        f"Write a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE."
    )


def _sqlite_engine(url: URL, shown: str, *, readonly: bool) -> Engine:
    arguments: dict[str, Any] = {"timeout": BUSY_S, "isolation_level": None}
    path = Path(url.database or ":memory:")
    if path.name == ":memory:" or url.query.get("mode") == "memory":
        raise StoreError(f"The store {shown} would lie in memory and end with its process. {_ELSEWHERE}")
    try:
        if path.is_dir():
            raise StoreError(f"The store {shown} is a folder, not a file. {_ELSEWHERE}")
        if not readonly:
            prepare_store_folder(path)
        elif path.is_file():
            url = URL.create("sqlite", database=f"{path.resolve().as_uri()}", query={"mode": "ro", "uri": "true"})
        else:
            raise StoreError(f"There is no store at {shown}. A gate makes one; --store names another place.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"The store {shown} can't be {'read' if readonly else 'made'}: {reason}. {_ELSEWHERE}"
        ) from None
    engine = create_engine(url, connect_args=arguments)
    event.listen(engine, "connect", _set_up_sqlite if not readonly else _refuse_writing)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    """Write-ahead log, so that readers and one writer don't wait for each other and a commit costs no sync.

    A killed process loses nothing that was committed; a power cut may lose the last commits, never the database.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if names and meta.name not in names:
        return  # somebody else's, which will be refused, and is left as it is
    # The one lock that SQLite does not wait for by itself; a network file system may keep another mode.
    _once_free(lambda: connection.execute("PRAGMA journal_mode=WAL"), BUSY_S)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-16384")


def _refuse_writing(connection: sqlite3.Connection, _: Any) -> None:
    connection.execute("PRAGMA query_only=ON")


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; one that writes waits for its turn here, in short naps: SQLite's own are deaf to Ctrl-C."""
    wait_s = connection.get_execution_options().get("steelyard_write")
    if wait_s is None:
        connection.exec_driver_sql("BEGIN")
        return
    sqlite: Any = connection.connection.driver_connection
    sqlite.execute(f"PRAGMA busy_timeout={_NAP_MS}")
    try:
        _once_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), wait_s)
    finally:
        sqlite.execute(f"PRAGMA busy_timeout={BUSY_S * 1000:.0f}")


def _once_free(attempt: Callable[[], Any], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            attempt()
            return
        except (sqlite3.OperationalError, OperationalError) as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _postgres_engine(url: URL) -> Engine:
    arguments = {"connect_timeout": 10, "application_name": "steelyard"}
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    try:
        return create_engine(url, connect_args=arguments, pool_pre_ping=True)
    except ImportError as error:
        raise StoreError(
            f"A store on Postgres needs psycopg, which can't be imported ({error}). "
            f"Install it with: {install('postgres')}"
        ) from None


def in_words(error: DBAPIError, *, readonly: bool) -> str:
    """Say what went wrong and what to do, after "The store URL"; `readonly` where it was only to be read."""
    cause = cause_of(error)
    if "full" in cause or "No space left" in cause:
        return f"can't be written: {cause}. {_ROOM}"
    if "readonly" in cause or "read-only" in cause or (readonly and "unable to open" in cause):
        why = "SQLite needs to write beside a store to read it" if readonly else "A run keeps its scores, --offline too"
        verb = "read" if readonly else "written"
        copy = "Copy the store to a place that can be written, and name that with --store."
        return f"can't be {verb}: {cause}. {why}. {copy}"
    if "locked" in cause:
        return f"is locked by another process for more than {BUSY_S:.0f} s ({cause}). End that process and run again."
    if "not a database" in cause:
        # The name may be that of any file, which nobody is told to remove.
        other = f"if it is something else, leave it there. {_ELSEWHERE}"
        return f"can't be understood: {cause}. If it was a store, it is damaged: {_REPAIR}; {other}"
    if "malformed" in cause or "Could not decode" in cause:
        return f"is damaged: {cause}. {_REPAIR}"
    if error.connection_invalidated or "connection" in cause:
        return f"can't be reached: {cause.rstrip('.?')}. Run again once it can: what is stored is kept."
    return f"can't be used: {cause}. {_ELSEWHERE}"


def cause_of(error: Exception) -> str:
    """Give the driver's message, on one line."""
    return " ".join(str(getattr(error, "orig", error)).split())
