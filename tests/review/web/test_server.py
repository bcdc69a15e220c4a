"""`steelyard review serve` as a process of its own: what it prints, refuses and survives."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from harness.cli.review import serve
from harness.review import Queue
from harness.review.web import server as web
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import csrf_in, in_cookie
from tests.review.web.serving import Server

pytestmark = pytest.mark.service


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store in which items wait."""
    with Store.open(str(tmp_path / "store.db")) as store:
        contents.fill(store)
    return tmp_path


def sign_in(server: Server) -> httpx.Client:
    """Somebody who came by the printed address."""
    client = httpx.Client(base_url=server.url, headers={"Origin": server.url})
    page = client.get("/sign-in")
    token = server.link.partition("#")[2]
    assert client.post("/sign-in", data={"csrf": csrf_in(page.text), "token": token}).status_code == 303
    client.headers["X-CSRF-Token"] = in_cookie(client.cookies[f"steelyard_{server.port}"])["csrf"]
    return client


def test_it_prints_an_address_that_signs_in_and_ends_cleanly_on_ctrl_c(folder: Path) -> None:
    with Server(folder, "--reviewer", "zoe") as server:
        assert "56 labels" in server.greeting
        assert "as zoe, admin; this address works once" in server.greeting
        assert "\x1b" not in server.greeting
        with closing(sign_in(server)) as client:
            assert client.get("/admin").status_code == 200
            assert "server" not in client.get("/").headers
        code, said = server.stop()
        assert (code, said.strip()) == (0, "Ended. Every label is in the store.")
        assert server.log.read_text() == ""
    assert (folder / ".steelyard" / ".gitignore").read_text() == "*\n"


def test_a_reviewer_who_is_there_keeps_the_role_and_one_who_is_disabled_is_refused(folder: Path) -> None:
    with Store.open(str(folder / "store.db")) as store:
        Queue(store).add_reviewer("ann")
        Queue(store).add_reviewer("bob")
        Queue(store).disable("bob")
    with Server(folder, "--reviewer", "ann") as server:
        assert "as ann, annotator" in server.greeting
    with pytest.raises(RuntimeError, match="'bob' is disabled"):
        Server(folder, "--reviewer", "bob")


@pytest.mark.nightly
def test_labels_that_were_answered_survive_kill_9_and_the_others_count_once_when_sent_again(
    folder: Path, free_port: int
) -> None:
    """Eight reviewers label as fast as they can while the server is killed three times; what fails is sent again."""
    reviewers = [f"r{number}" for number in range(8)]
    with Store.open(str(folder / "store.db")) as store:
        contents.add(store, contents.SCALE, contents.items_of("b-many", "Q?", [["one"]] * 400))
        for batch in ("b-scale", "b-pair", "b-programs"):
            store.review.set_closed(batch, 1.0, "not wanted")
        tokens = {name: Queue(store).add_reviewer(name) for name in reviewers}
    state = {"server": Server(folder, "--reviewer", "zoe", port=free_port)}
    sent: dict[str, str] = {}
    failed: list[str] = []
    done = threading.Event()
    signed_in = threading.Barrier(len(reviewers))

    def review(name: str) -> None:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{free_port}", headers={"Origin": f"http://127.0.0.1:{free_port}"}, timeout=60
        ) as client:

            def until(path: str, **body: object) -> dict[str, object]:
                while not done.is_set():
                    try:
                        response = client.post(path, json=body, timeout=10)
                    except httpx.TransportError:
                        failed.append(name)
                        done.wait(0.05)
                        continue
                    assert response.status_code == 200, response.text
                    return dict(response.json())
                raise TimeoutError

            page = client.get("/sign-in")
            client.post("/sign-in", data={"csrf": csrf_in(page.text), "token": tokens[name]})
            client.headers["X-CSRF-Token"] = in_cookie(client.cookies[f"steelyard_{free_port}"])["csrf"]
            signed_in.wait(60)
            found = until("/api/next")["next"]
            number = 0
            while isinstance(found, dict):
                key = f"{name}-{number}"
                answer = until(
                    "/api/answer", act="label", lease=found["lease"], key=key, value=number % 5 + 1, want=True
                )
                sent[key] = name
                found, number = answer["next"], number + 1

    threads = [threading.Thread(target=review, args=(name,)) for name in reviewers]
    for thread in threads:
        thread.start()
    for _ in range(3):
        marked = len(sent)
        while len(sent) < marked + 40:
            assert any(thread.is_alive() for thread in threads)
            done.wait(0.01)
        state["server"].kill()
        state["server"] = Server(folder, "--reviewer", "zoe", port=free_port)
    for thread in threads:
        thread.join(60)
    done.set()
    state["server"].kill()
    with Store.open(str(folder / "store.db")) as store:
        events = store.review.events(batch_id="b-many")
        assert {event.key: event.reviewer for event in events} == sent
        assert len({event.item_id for event in events}) == len(events) == 400
    assert failed, "no request met a dead server: the test proves nothing"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--host", "0.0.0.0"], "--allow-network on a network that you trust"),
        (["--host", "192.0.2.1"], "reads tokens, answers and labels"),
        (["--host", "example.org"], "can be reached from other machines"),
        (["--host", "0.0.0.0", "--allow-network"], "--public-url http://NAME:PORT"),
        (["--public-url", "https://ann:secret@example.org"], "'…@example.org' can't be used"),
        *(
            (["--public-url", url], f"{url!r} can't be used: write scheme, host and port")
            for url in (
                *("review.example.org", "ftp://example.org", "https://example.org/review", "https://example.org//"),
                *("https://example.org?a=b", "https://example.org#queue", "https://example.org:99999"),
                *("https://prüfung.example", "https://[::1"),
            )
        ),
        (
            ["--reviewer", ""],
            "'' is no name for a reviewer: write 1 to 64 printable characters. It comes from --reviewer",
        ),
        (["--port", "70000"], "70000 is not in the range"),
    ],
)
def test_what_can_not_be_served_is_refused_with_what_it_means(folder: Path, options: list[str], told: str) -> None:
    done = CliRunner().invoke(serve, ["--port", "0", "--store", str(folder / "store.db"), *options])
    said = " ".join(f"{done.output} {done.exception}".split())
    assert told in said
    assert "secret" not in said


def test_a_user_name_that_no_reviewer_may_have_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "x" * 65)
    done = CliRunner().invoke(serve, ["--port", "0", "--store", str(folder / "store.db")])
    assert "It comes from your user name, which counts without --reviewer NAME." in str(done.exception)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(web.SettingsError, match="--port 0 takes one that is free"):
            web.listen("127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "public_url", "expected"),
    [
        ("127.0.0.1", None, ("http://127.0.0.1:8700", "http://localhost:8700")),
        ("::1", None, ("http://[::1]:8700", "http://localhost:8700")),
        ("localhost", None, ("http://localhost:8700",)),
        ("127.0.0.1", "https://r.org/", ("https://r.org", "http://127.0.0.1:8700", "http://localhost:8700")),
        ("0.0.0.0", "http://box:8700", ("http://box:8700",)),
        ("0.0.0.0", "HTTP://Box:80/", ("http://box",)),
        ("0.0.0.0", "https://box:443", ("https://box",)),
        ("0.0.0.0", "https://box:80", ("https://box:80",)),
        ("0.0.0.0", "http://[2001:db8::1]:80", ("http://[2001:db8::1]",)),
        ("192.0.2.1", None, ("http://192.0.2.1:8700",)),
    ],
)
def test_the_addresses_that_are_answered(host: str, public_url: str | None, expected: tuple[str, ...]) -> None:
    web.check_host(host, public_url, allow_network=True)
    assert web.addresses(host, 8700, public_url) == expected


def test_the_port_that_http_implies_is_left_out_as_browsers_leave_it_out() -> None:
    assert web.addresses("127.0.0.1", 80, None) == ("http://127.0.0.1", "http://localhost")
    assert web.addresses("::1", 80, None) == ("http://[::1]", "http://localhost")
