import stat
from pathlib import Path

import pytest

from harness.review.web.sessions import LIFETIME_S, Attempts, Holder, Sessions, csrf_token
from tests.review.web.conftest import Clock

ANN = Holder("ann", "stamp")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_session_ends_when_it_is_ended_or_too_old(clock: Clock) -> None:
    sessions = Sessions(None, clock)
    one, other = sessions.begin(ANN), sessions.begin(ANN)
    assert (sessions.holder(one), sessions.holder("forged")) == (ANN, None)
    sessions.end(one)
    assert (sessions.holder(one), sessions.holder(other)) == (None, ANN)
    clock.now += LIFETIME_S
    assert sessions.holder(other) is None


def test_sessions_outlive_their_server_in_a_file_that_gives_none_away(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    session = Sessions(path, clock).begin(ANN)
    again = Sessions(path, clock)
    assert again.holder(session) == ANN
    assert session not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.end(session)
    assert Sessions(path, clock).holder(session) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', "\x00", '{"a": ["ann", "soon", "stamp"]}', '{"a": ["ann", 2e10]}']
)
def test_a_damaged_file_holds_no_sessions(text: str, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(text)
    assert Sessions(path, clock).holder("a") is None
    assert Sessions(path, clock).begin(ANN)


def test_an_address_that_fails_often_has_to_wait(clock: Clock) -> None:
    attempts = Attempts(most=3, within_s=60, clock=clock)
    for _ in range(3):
        assert attempts.wait_s("a") == 0
        attempts.fail("a")
        clock.now += 5
    assert attempts.wait_s("a") == 45
    assert attempts.wait_s("b") == 0
    clock.now += 45
    assert attempts.wait_s("a") == 0


def test_the_csrf_token_of_a_session_is_its_own() -> None:
    assert csrf_token("one") == csrf_token("one") != csrf_token("other")
    assert "one" not in csrf_token("one")
