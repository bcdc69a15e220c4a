"""What a block takes of the machine beside time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.stages.inference.blocks.meters import EnergyMeter, memory_bytes, no_energy

MIB = 1 << 20


@pytest.mark.service
def test_memory_is_that_of_a_process_and_of_what_it_started() -> None:
    program = "import sys; held = bytearray(%d); print('held', flush=True); sys.stdin.read()"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program % (64 * MIB)!r}])"
    with subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        held = memory_bytes([process.pid])
        process.stdin.close()
    assert held is not None
    assert 64 * MIB <= held < 160 * MIB


def test_a_process_that_is_gone_holds_nothing_that_is_known() -> None:
    assert memory_bytes([999_999_999]) is None


def test_where_nothing_counts_energy_it_is_said_why() -> None:
    joules = EnergyMeter().joules()
    assert joules is None or joules >= 0
    assert "powercap" in str(no_energy())
