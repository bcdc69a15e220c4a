"""What goes wrong with a database is told with what to do."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from harness.store.database import cause_of, in_words


def said(message: str, *, readonly: bool = False, is_lost: bool = False) -> str:
    error = OperationalError("SELECT 1", {}, sqlite3.OperationalError(message), connection_invalidated=is_lost)
    return in_words(error, readonly=readonly)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("database or disk is full", "can't be written: database or disk is full. Free some space"),
        ("attempt to write a readonly database", "can't be written: attempt to write a readonly database. A run keeps"),
        ("database is locked", "is locked by another process for more than 60 s (database is locked). End that"),
        ("file is not a database", "if it is something else, leave it there. Choose another place with --store"),
        ("database disk image is malformed", "is damaged: database disk image is malformed. Put a copy of it"),
        ("connection refused", "can't be reached: connection refused. Run again once it can"),
        ("no such table: x", "can't be used: no such table: x. Choose another place"),
    ],
)
def test_each_cause_has_its_way_out(message: str, words: str) -> None:
    assert words in said(message)


def test_a_store_that_was_only_to_be_read_says_why_it_must_be_written() -> None:
    found = said("attempt to write a readonly database", readonly=True)
    assert found.startswith("can't be read: ")
    assert "SQLite needs to write beside a store to read it" in found


def test_a_store_in_a_place_that_can_not_be_written_is_to_be_copied() -> None:
    found = said("unable to open database file", readonly=True)
    assert found.startswith("can't be read: unable to open database file. SQLite needs to write beside a store")
    assert "Copy the store to a place that can be written, and name that with --store." in found


def test_a_connection_that_was_lost_is_said_whatever_the_driver_calls_it() -> None:
    assert said("server closed", is_lost=True).startswith("can't be reached: server closed. ")


@pytest.mark.service
def test_the_cause_is_one_line() -> None:
    assert cause_of(ValueError("two\n  lines")) == "two lines"
