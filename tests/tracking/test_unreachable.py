"""MLflow that is down, dies, hangs or refuses: one clear message, nothing secret in it, and logging later makes up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config.addresses import without_credentials
from harness.errors import MlflowError, SettingsError
from harness.models.mlflow.worker import require_mlflow
from harness.store import Store
from tests.tracking.forks import in_a_fork
from tests.tracking.reading import read
from tests.tracking.servers import Gatekeeper, MlflowServer, Silence, Website
from tests.tracking.stored_gates import logged, stored_gate

pytestmark = pytest.mark.nightly


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def keeper(mlflow_server: MlflowServer) -> Iterator[Gatekeeper]:
    """Lets those in who bring ann's password."""
    made = Gatekeeper(mlflow_server.address, password="ann:s3cret/")
    yield made
    made.stop()


def refused(store: Store, address: str, experiment: str = "steelyard") -> str:
    """The message of a gate that could not be logged."""
    with pytest.raises(MlflowError) as caught:
        logged(stored_gate(store, address, experiment), store)
    return str(caught.value)


def test_where_nothing_listens_it_says_so(store: Store, free_port: int) -> None:
    address = f"http://127.0.0.1:{free_port}"
    assert refused(store, address) == f"Nothing listens at {address}."


def test_a_database_that_is_down_is_asked_once(store: Store, free_port: int) -> None:
    address = f"postgresql+psycopg://ann:s3cret@127.0.0.1:{free_port}/mlflow"
    assert refused(store, address) == f"Nothing listens at {without_credentials(address)}."


def test_a_server_that_takes_the_connection_and_is_silent_is_given_up(store: Store) -> None:
    silence = Silence()
    assert refused(store, silence.address) == f"{silence.address} did not answer in time."
    silence.stop()


def test_a_host_that_is_not_known_is_named(store: Store) -> None:
    address = "http://mlflow.invalid:5000"
    assert refused(store, address) == f"The host of {address} is not known."


@pytest.mark.parametrize(("status", "body"), [(404, b"<h1>Not found</h1>"), (200, b"<h1>Welcome</h1>")])
def test_a_server_of_something_else_is_recognized(store: Store, status: int, body: bytes) -> None:
    website = Website(status, body)
    assert refused(store, website.address) == f"{website.address} is not a server of MLflow."
    website.stop()


def test_a_server_with_trouble_of_its_own_is_named(store: Store) -> None:
    broken = Website(500, b"<h1>Oops</h1>")
    assert refused(store, broken.address) == f"{broken.address} failed with an HTTP 5xx error: its log says why."
    broken.stop()


def test_a_server_that_takes_no_spans_is_too_old(store: Store) -> None:
    old = Website(200, b"2.22.0")
    assert refused(store, old.address) == f"{old.address} is MLflow 2.22.0; 3.4 or newer is needed."
    old.stop()


def test_a_file_that_is_no_database_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database\n" * 100)
    address = f"sqlite:///{tmp_path}/notes.txt"
    assert refused(store, address) == f"{address} is not a database."


def test_a_password_in_the_address_opens_the_server_and_is_nowhere_to_be_seen(
    store: Store, mlflow_server: MlflowServer, keeper: Gatekeeper
) -> None:
    said = logged(stored_gate(store, f"http://ann:s3cret%2F@{keeper.host}", "with password"), store)
    assert said.place.startswith(f"{keeper.address}/#/") or said.place.startswith(f"http://***@{keeper.host}/#/")
    found = read(mlflow_server.address, "with password")
    assert len(found["runs"]) == 1
    assert "s3cret" not in str(found)


@pytest.mark.parametrize("login", ["", "ann:wr0ng@"])
def test_a_wrong_password_or_none_is_said_without_it(store: Store, keeper: Gatekeeper, login: str) -> None:
    said = refused(store, f"http://{login}{keeper.host}")
    assert said == (
        f"{without_credentials(f'http://{login}{keeper.host}')} refused the login. Set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    )


def test_a_server_that_dies_in_the_middle_leaves_a_run_that_is_completed_later(
    store: Store, mlflow_server: MlflowServer
) -> None:
    dying = Gatekeeper(mlflow_server.address, dies_after=12)
    gate = stored_gate(store, dying.address, "dies")
    with pytest.raises(MlflowError, match=dying.address):
        logged(gate, store)
    dying.stop()
    (begun,) = read(mlflow_server.address, "dies")["runs"]
    assert begun["status"] == "RUNNING"
    said = logged(gate, store, address=mlflow_server.address)
    assert said.run_id == begun["id"]
    found = read(mlflow_server.address, "dies")
    assert [(run["name"], run["status"]) for run in found["runs"]] == [("small against large", "FAILED")]
    assert len(found["traces"]) == 3
    assert all(trace["spans"] for trace in found["traces"])


def test_an_experiment_that_was_deleted_is_not_logged_to(store: Store, database: str) -> None:
    in_a_fork("tests.tracking.making", database, "gone")
    said = refused(store, database, "gone")
    assert said.startswith("The experiment 'gone' was deleted there. Restore it (mlflow experiments restore")
    assert said.endswith("or name another one with mlflow_experiment.")


def test_without_mlflow_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r'^--mlflow needs MLflow, .* pip install .*\[mlflow\]"$'):
        require_mlflow("--mlflow")
