"""What a run records of its surroundings."""

from __future__ import annotations

import platform
import socket
import sys
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from harness.gate.baselines.recording import Promotion
from harness.gate.runs.notes import anchor_notes, environment
from harness.store import RunInfo
from tests.gate.baselines.recordings import recording


def test_python_machine_and_packages_are_told() -> None:
    found = environment(["openai"])
    assert found["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert platform.machine() in found["machine"]
    assert found["packages"]["numpy"] == version("numpy")
    assert list(found["packages"]) == ["steelyard", "pytest", "numpy", "scipy", "aiohttp"]


def test_a_package_that_is_not_installed_is_left_out() -> None:
    known = environment(["vllm", "transformers"])["packages"]
    assert {name: version(name) for name in known} == known


def test_an_unknown_engine_adds_nothing() -> None:
    assert environment(["another"]) == environment([])


def test_the_host_is_not_named() -> None:
    assert socket.gethostname() not in str(environment(["vllm"]).values())


def test_no_engine_is_imported() -> None:
    before = set(sys.modules)
    environment(["vllm", "transformers"])
    assert {name.split(".")[0] for name in set(sys.modules) - before} & {"torch", "vllm", "transformers"} == set()


def noted(anchor: dict[str, Any] | None, baseline: str = "b") -> dict[str, Any]:
    """What a store has of a gate of the version "bot"."""
    known = {"candidate": {"name": "bot"}, "baseline": {"name": "main", "fingerprint": baseline}}
    return known if anchor is None else {**known, "anchor": anchor}


V1, V2 = ({"name": name, "fingerprint": f"f-{name}"} for name in ("v1", "v2"))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (noted(V1), noted(V1), ()),
        (noted(None), noted(V1), ()),
        (noted(V1), noted(V2), ("the anchor is v2 (f-v2) now: in run one it was v1 (f-v1)",)),
        (noted(V1), noted(None), ("the anchor is none now: in run one it was v1 (f-v1)",)),
        (noted(V1), noted(None, "f-v1"), ()),
        (noted(V1), {"candidate": {"name": "bot"}}, ()),
        ({**noted(V1), "candidate": {"name": "other"}}, noted(V2), ()),
    ],
    ids=["the same", "a first one", "another", "none", "it is the baseline", "no gate", "another version"],
)
def test_a_changed_anchor_is_told(before: dict[str, Any], now: dict[str, Any], told: tuple[str, ...]) -> None:
    run = RunInfo("one", "2026-12-01T10:00:00Z", before, finished=True, verdict="passed", exit_code=0)
    assert anchor_notes(now, None, [run]) == told


def test_the_reason_of_a_promotion_is_told_with_the_change() -> None:
    why = Promotion("release 1.3", "two", "v2")
    anchor = replace(recording(), history={"2026-12-02T10:00:00Z": why})
    run = RunInfo("one", "2026-12-01T10:00:00Z", noted(V1), finished=True, verdict="passed", exit_code=0)
    (text,) = anchor_notes(noted(V2), anchor, [run])
    assert text.endswith("; promoted because: release 1.3")
