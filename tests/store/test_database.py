import multiprocessing
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from harness.errors import StoreError
from harness.store import Store
from harness.store.database import Database, schema_version
from harness.store.schema import runs
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of

ROOT = Path(__file__).parents[2]


def test_a_store_is_made_with_its_folder_and_hidden_from_git(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".steelyard" / "store.db"
    with Store.open(str(path)) as store:
        assert store.url == str(path)
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_folder_of_another_name_gets_no_gitignore(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/place/store.db"):
        pass
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["store.db"]


@pytest.mark.service
def test_what_was_stored_is_there_when_opened_again(url: str) -> None:
    with Store.open(url) as store:
        store.add([draw("a")])
    with Store.open(url) as store:
        assert store.find([key_of("a")])[key_of("a")][0].text == "Lima"


def test_sqlite_writes_ahead_and_syncs_at_checkpoints(tmp_path: Path) -> None:
    database = Database.open(str(tmp_path / "store.db"), readonly=False)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 60_000
    database.close()


@pytest.mark.service
@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("change", ["UPDATE steelyard_meta SET value = '11'", "DELETE FROM steelyard_meta"])
def test_a_store_of_another_schema_is_refused_with_what_to_do(url: str, change: str, readonly: bool) -> None:
    with Store.open(url) as store, store._database.write() as connection:
        connection.exec_driver_sql(change)
    said = rf"has schema version (11|None), and this Steelyard reads {schema_version()} alone: name another"
    with pytest.raises(StoreError, match=said):
        Store.open(url, readonly=readonly)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("url", [":memory:", "sqlite://", "sqlite:///:memory:", "sqlite:///x?mode=memory&uri=true"])
def test_a_store_in_memory_is_refused(url: str, readonly: bool) -> None:
    with pytest.raises(StoreError, match="would lie in memory and end with its process"):
        Store.open(url, readonly=readonly)


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("name", ["x" * 5000, "a\0b/c"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str, readonly: bool) -> None:
    with pytest.raises(StoreError):
        Store.open(str(tmp_path / name), readonly=readonly)


@pytest.mark.parametrize("readonly", [False, True])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, readonly: bool) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database at all, " * 100)
    said = (
        r"store\.db can't be understood: file is not a database\. If it was a store, it is damaged: Put a copy of it "
        r"in its place.*if it is something else, leave it there\. Choose another place with --store"
    )
    with pytest.raises(StoreError, match=said):
        Store.open(str(path), readonly=readonly)


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE experiments (id INTEGER)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="belongs to something else: it holds the tables experiments and none of"):
        Store.open(str(path))
    with pytest.raises(StoreError, match="holds no store"):
        Store.open(str(path), readonly=True)
    assert path.read_bytes() == before


def test_a_missing_store_is_not_made_for_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"There is no store at .*store\.db"):
        Store.open(str(tmp_path / "folder" / "store.db"), readonly=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_place_of_the_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder, not a file"):
        Store.open(str(tmp_path))


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"can't be made: .*Choose another place with --store"):
        Store.open(str(tmp_path / "file" / "store.db"))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, which nobody can write, root included")
def test_a_folder_that_nothing_can_be_written_in_is_refused() -> None:
    with pytest.raises(StoreError, match="can't be used: unable to open database file"):
        Store.open("/proc/store.db")


def test_a_path_may_hold_spaces_and_signs_that_urls_give_a_meaning(tmp_path: Path) -> None:
    path = str(tmp_path / "50% of #1? ü" / "store.db")
    with Store.open(path) as store:
        store.add([draw("a")])
    with Store.open(path, readonly=True) as store:
        assert store.info().samples == 1
    assert Path(path).is_file()


@pytest.mark.parametrize("url", ["mysql://ann:secret@db/x", "://", "postgresql://ann:secret@db:port/x"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(
        StoreError, match=r"The store postgresql://ann:\*\*\*@127\.0\.0\.1:1/x can't be reached"
    ) as caught:
        Store.open("postgresql://ann:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


def test_a_missing_driver_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install .*\[postgres\]"):
        Store.open("postgresql://db/x")


@pytest.mark.service
def test_any_way_to_write_postgres_is_understood(new_postgres_url: NewUrl, open_store: OpenStore) -> None:
    url = new_postgres_url()
    open_store(url).add([draw("a")])
    for scheme in ("postgres", "postgresql+psycopg"):
        assert open_store(url.replace("postgresql", scheme, 1), readonly=True).info().samples == 1


@pytest.mark.service
def test_a_postgres_database_may_hold_other_tables(new_postgres_url: NewUrl, open_store: OpenStore) -> None:
    import psycopg

    url = new_postgres_url()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
    assert open_store(url).runs() == []


@pytest.mark.service
def test_a_connection_that_the_server_cut_is_replaced(new_postgres_url: NewUrl, open_store: OpenStore) -> None:
    import psycopg

    url = new_postgres_url()
    store = open_store(url)
    store.add([draw("a")])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    store.add([draw("b")])
    assert store.info().samples == 2


def test_a_full_disk_is_said_and_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    with Store.open(str(tmp_path / "store.db")) as store:
        store.add([draw("a")])
        with store._database.read() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StoreError, match=r"can't be written: database or disk is full\. Free some space"):
            store.add([draw("b", "x" * 1_000_000), draw("c")])
        assert store.find([key_of("a"), key_of("b"), key_of("c")]).keys() == {key_of("a")}
        store.add([draw("d")])


@pytest.mark.service
def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    broken = draw("b")
    object.__setattr__(broken.sample, "prompt_tokens", 2**80)
    with pytest.raises((StoreError, OverflowError)):
        store.add([draw("a"), broken])
    assert store.find([key_of("a"), key_of("b")]) == {}
    assert store.request(key_of("a")) is None


def _write_all(url: str, name: str, n: int) -> None:
    with Store.open(url) as store:
        for number in range(n):
            store.add([draw(f"shared {number}", name), draw(f"{name} {number}", name)])


@pytest.mark.service
def test_two_processes_make_and_fill_one_store_at_once(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_all, args=(url, name, 200)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    with Store.open(url, readonly=True) as store:
        assert store.info().samples == 600
        assert store.info().requests == 600


WRITER = """
import sys
from harness.store import Store
from tests.store.rows import draw

with Store.open(sys.argv[1]) as store:
    number = int(sys.argv[2])
    while True:
        batch = [draw(str(each), "x" * (each % 3000)) for each in range(number, number + 5)]
        store.add(batch)
        number += 5
        print(number, flush=True)
"""


@pytest.mark.service
def test_a_killed_writer_loses_nothing_that_it_acknowledged(url: str) -> None:
    acknowledged = 0
    for round_number in range(6):
        command = [sys.executable, "-c", WRITER, url, str(acknowledged)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20 + 17 * round_number):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            # What it printed before it died was acknowledged as well.
            for line in writer.stdout:
                if line.endswith("\n"):
                    acknowledged = int(line)
        with Store.open(url) as store:
            keys = [key_of(str(number)) for number in range(acknowledged)]
            found = store.find(keys)
            assert len(found) == acknowledged
            assert all(len(found[key][0].text) == number % 3000 for number, key in enumerate(keys))
            assert store.info().samples % 5 == 0


def test_reading_goes_on_while_another_process_writes(url: str, open_store: OpenStore) -> None:
    writer, reader = open_store(url), open_store(url, readonly=True)
    with writer._database.write() as connection:
        connection.exec_driver_sql("UPDATE steelyard_meta SET value = value")
        assert reader.find([key_of("a")]) == {}
    writer.add([draw("a")])
    assert reader.find([key_of("a")]).keys() == {key_of("a")}


def test_the_statements_of_one_reading_see_one_state(url: str, open_store: OpenStore) -> None:
    """Counts of a batch, or items and their labels, would else be of different moments while others write."""
    store = open_store(url)
    count = select(func.count()).select_from(runs)
    with store._database.read() as connection:
        before = connection.scalar(count)
        open_store(url).begin_run("r1", "2026-01-01T00:00:00+00:00", {})
        assert connection.scalar(count) == before == 0
    with store._database.read() as connection:
        assert connection.scalar(count) == 1


def test_a_reading_within_a_transaction_leaves_its_thread_in_it(url: str, open_store: OpenStore) -> None:
    database = open_store(url)._database
    with database.write() as outer:
        with database.one_state():
            pass
        with database.write() as inner:
            assert inner is outer


@pytest.mark.service
def test_whoever_waits_for_another_writer_hears_a_signal(tmp_path: Path) -> None:
    """Otherwise Ctrl-C would be unheard for as long as another process holds the lock."""

    class HeardError(Exception):
        pass

    def hear(*_: object) -> None:
        raise HeardError

    url = str(tmp_path / "store.db")
    with Store.open(url) as store, closing(sqlite3.connect(url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        handler = signal.signal(signal.SIGALRM, hear)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(HeardError):
                store.add([draw("a")])
        finally:
            signal.signal(signal.SIGALRM, handler)
        other.execute("ROLLBACK")
        assert store.add([draw("a")]) == [draw("a").sample]


def test_a_store_that_can_not_be_written_says_what_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Store.open("store.db").close()
    said = "can't be written: attempt to write a readonly database. A run keeps its scores, --offline too. Copy"
    with pytest.raises(StoreError, match=said):
        Store.open(f"sqlite:///file:{tmp_path}/store.db?mode=ro&uri=true")
