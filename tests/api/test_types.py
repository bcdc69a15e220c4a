"""A user's bodies pass the strict checks of types, mistakes in them are found, and both types of a fixture agree."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from harness import Case, Judge, Model, Score, SyncJudge, SyncModel, checks, doors, sync_checks

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"
EXAMPLES = sorted((ROOT / "docs" / "examples").iterdir())
OWN_CHECKS = [door.name for door in doors.doors("checks") if door.is_own and door.name not in ("deepeval", "lm_eval")]


def lines_marked_wrong() -> list[int]:
    lines = (TYPED / "wrong.py").read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("# wrong")]


def mypy(name: str) -> subprocess.CompletedProcess[str]:
    """mypy as strict as it gets, with the project's settings and so with what it keeps of the project."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"tests/api/typed/{name}"]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(map(str, EXAMPLES))}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.service
@pytest.mark.parametrize("name", ["bodies.py", "extensions.py"])
def test_bodies_scripts_and_the_examples_of_extensions_pass_mypy_strict(name: str) -> None:
    done = mypy(name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.service
def test_mypy_finds_every_mistake() -> None:
    done = mypy("wrong.py")
    found = sorted(
        {int(line) for line in re.findall(r"^tests/api/typed/wrong\.py:(\d+): error", done.stdout, re.MULTILINE)}
    )
    assert found == lines_marked_wrong(), done.stdout + done.stderr


def without_waiting(annotation: Any) -> Any:
    """What awaiting gives, where something is to be awaited; else the type itself."""
    kind, parts = get_origin(annotation), get_args(annotation)
    return parts[-1] if kind in (Awaitable, Coroutine) else annotation


NAMES = {"Sample": None, "Case": Case, "Score": Score, "Model": Model, "SyncModel": SyncModel}


def types_of(function: Callable[..., Any]) -> dict[str, Any]:
    from harness.records import Sample
    from harness.requests.conversation import Script, SimulatedUser
    from harness.scoring.judging.judge import AnyCase

    named = {"Sample": Sample, "AnyCase": AnyCase, "Script": Script, "SimulatedUser": SimulatedUser}
    return get_type_hints(function, localns={**NAMES, **named})


@pytest.mark.parametrize(("awaited", "direct"), [(Model, SyncModel), (Judge, SyncJudge)], ids=["model", "judge"])
def test_the_type_for_def_bodies_has_the_same_methods_that_give_results(awaited: type, direct: type) -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(awaited) == public(direct)
    for name in sorted(public(awaited)):
        first, second = vars(awaited)[name], vars(direct)[name]
        if isinstance(first, property):
            first, second = first.fget, second.fget
        assert list(inspect.signature(first).parameters.values()) == list(inspect.signature(second).parameters.values())
        given, wanted = types_of(first), types_of(second)
        expected = {**given, "return": without_waiting(given["return"])}
        assert wanted == {key: direct if kind is awaited else kind for key, kind in expected.items()}, name


def test_checks_for_def_bodies_are_the_same_functions() -> None:
    assert set(OWN_CHECKS) <= set(vars(sync_checks))
    for name in OWN_CHECKS:
        assert getattr(sync_checks, name) is getattr(checks, name)


@pytest.mark.parametrize("name", ["choose", "multiple_choice"])
def test_checks_of_a_model_are_typed_for_the_models_of_def_bodies(name: str) -> None:
    from harness.scoring.checks import sync

    kind = {"choose": sync._SyncChoose, "multiple_choice": sync._MultipleChoice}[name]
    first, second = inspect.signature(getattr(checks, name)), inspect.signature(kind.__call__)
    pairs = list(zip(list(second.parameters.values())[1:], first.parameters.values(), strict=True))
    assert [(each.name, each.kind, each.default) for each, _ in pairs] == [
        (each.name, each.kind, each.default) for _, each in pairs
    ]
    assert f"Awaitable[{second.return_annotation}]" == first.return_annotation
    for each, other in pairs:
        assert each.annotation == ("SyncModel" if other.annotation == "Model" else other.annotation)


def test_a_user_never_makes_a_sync_model() -> None:
    with pytest.raises(TypeError, match="Protocols cannot be instantiated"):
        SyncModel()  # type: ignore[misc]


def test_marked_mistakes_are_there() -> None:
    assert len(lines_marked_wrong()) == 9
