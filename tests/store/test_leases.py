"""Leases on draws, of two holders on one store of either database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.store import Store
from harness.store.leases import LEASE_S
from tests.store.drawn import Clock
from tests.store.rows import draw, key_of

ONE, TWO, THREE = ((key_of("a"), index) for index in range(3))


def test_a_draw_has_one_holder(store: Store) -> None:
    ours, theirs = store.draw_leases(), store.draw_leases()
    assert ours.take([TWO, ONE]) == {ONE, TWO}
    assert theirs.take([TWO, THREE]) == {THREE}
    assert ours.take([ONE, THREE]) == set(), "what it holds already is under way"


def test_what_is_given_back_is_free(store: Store) -> None:
    ours, theirs = store.draw_leases(), store.draw_leases()
    ours.take([ONE, TWO, THREE])
    theirs.take([], returned=[ONE])
    assert theirs.take([ONE]) == set(), "only its holder gives a lease back"
    ours.take([], returned=[ONE])
    assert theirs.take([ONE, TWO]) == {ONE}
    ours.end()
    assert theirs.take([ONE, TWO, THREE]) == {TWO, THREE}


def test_what_was_stored_meanwhile_is_not_leased(store: Store) -> None:
    store.add([draw("a", index=0)])
    ours = store.draw_leases()
    assert ours.take([ONE, TWO]) == {TWO}
    assert ours.renew()
    store.add([draw("a", index=1)])
    assert not ours.renew(), "the lease of a sample that is stored is over"


def test_a_lease_that_is_not_renewed_runs_out(tmp_path: Path, at: type[Clock]) -> None:
    """On Postgres the clock is the database's."""
    with Store.open(str(tmp_path / "store.db")) as store:
        ours, theirs = store.draw_leases(), store.draw_leases()
        ours.take([ONE])
        at.now += 0.9 * LEASE_S
        ours.renew()
        at.now += 0.9 * LEASE_S
        assert theirs.take([ONE]) == set()
        at.now += 0.2 * LEASE_S
        assert theirs.take([ONE]) == {ONE}
        assert not ours.renew(), "it has gone to the other"


HOLDS: Any = """
import sys
from harness.store import Store
store = Store.open(sys.argv[1])
assert len(store.draw_leases().take([(bytes.fromhex(sys.argv[2]), 0)])) == 1
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.service
def test_leases_end_with_their_process(store: Store, url: str) -> None:
    command = [sys.executable, "-c", HOLDS, url, ONE[0].hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        ours = store.draw_leases()
        assert ours.take([ONE]) == set()
        process.kill()
        process.wait()
        assert ours.take([ONE]) == {ONE}
