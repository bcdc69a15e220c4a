"""The file by which sessions outlive their server, and the limit on wrong tokens."""

import stat
from pathlib import Path

import pytest

from harness.review.web.desk import LIFETIME_S, Attempts, Sessions
from tests.review.web.conftest import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_server_that_starts_again_knows_its_key_and_who_signed_out(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    sessions = Sessions(path, clock)
    sessions.end("one")
    again = Sessions(path, clock)
    assert again.key == sessions.key
    assert (again.is_ended("one"), again.is_ended("other")) == (True, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sessions(None).key != sessions.key


def test_what_ended_is_forgotten_once_its_cookie_is_too_old(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    sessions = Sessions(path, clock)
    sessions.end("one")
    clock.now += LIFETIME_S
    sessions.end("other")
    assert "one" not in path.read_text()
    assert sessions.is_ended("other")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', "\x00", '{"key": "", "ended": {}}', '{"key": "short", "ended": {"a": "soon"}}']
)
def test_a_damaged_file_gives_no_key_away(text: str, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(text)
    assert len(Sessions(path, clock).key) == 64


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
