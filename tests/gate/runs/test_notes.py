"""What a run records of its surroundings."""

from __future__ import annotations

import platform
import socket
import sys
from importlib.metadata import version

from harness.gate.runs.notes import environment


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
