"""Every module has a test where its name says: harness/store/samples.py in tests/store/test_samples.py."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
HARNESS = TESTS.parent / "harness"
#: Modules whose tests bear another name, for they are reached through a neighbour alone. It may only become shorter.
TESTED_ELSEWHERE = {
    "": "errors",
    "cli": "gate track",
    "cli/review": "serve",
    "cli/shared": "layout stored",
    "decisions": "hypotheses",
    "gate/baselines": "stored",
    "gate/people": "batches verdicts",
    "gate/planning": "plans",
    "gate/runs": "notes report run",
    "gate/sampling": "bets bodies",
    "models": "engine",
    "models/mlflow": "child downloads process",
    "models/transformers": "schema spec",
    "models/vllm": "requests spec worker",
    "models/weights": "declared",
    "plugin": "session",
    "plugin/hooks": "hookspecs",
    "plugin/loop": "driver",
    "records": "baselines estimates reports review samples verdicts",
    "reporting": "formats pull_requests",
    "reporting/planning": "plan plan_notes reruns",
    "reporting/terminal": "review",
    "review/batches": "plans",
    "review/web": "desk",
    "requests": "pending sync_model",
    "scoring": "judge_limits sandbox",
    "scoring/checks": "sync",
    "scoring/confinement": "limits",
    "scoring/judging": "drawing measures sync_judge",
    "scoring/lm_eval": "environment",
    "shim/steelyard": "extension statistics",
    "statistics/intervals": "contrasts",
    "statistics/suites": "many_suites",
    "store": "ledger store",
    "store/review": "counts events fronts gate leases reviewers store turns",
    "store/schema": "codec digests review_tables tables",
    "tracking": "child mlflow spans tracker",
}
MOST_ELSEWHERE = 77


def elsewhere() -> set[str]:
    return {f"{folder}/{name}".strip("/") for folder, names in TESTED_ELSEWHERE.items() for name in names.split()}


def modules() -> set[str]:
    """Those that hold code of their own; what `steelyard init` writes is the user's."""
    paths = (path.relative_to(HARNESS) for path in HARNESS.rglob("*.py") if not path.stem.startswith("__"))
    return {path.with_suffix("").as_posix() for path in paths if "scaffold" not in path.parts}


@pytest.mark.parametrize("module", sorted(modules() - elsewhere()))
def test_a_module_has_a_test_where_its_name_says(module: str) -> None:
    folder, _, name = module.rpartition("/")
    path = TESTS / folder / f"test_{name}.py"
    assert path.is_file(), f"write {path.relative_to(TESTS.parent)}"


def test_no_module_of_the_list_is_gone_or_has_a_test_of_its_own_by_now() -> None:
    own = {each for each in elsewhere() if (TESTS / each).with_name(f"test_{each.rpartition('/')[2]}.py").is_file()}
    assert sorted(elsewhere() - modules()) == [], "take these from TESTED_ELSEWHERE: there is no such module"
    assert sorted(own) == [], "take these from TESTED_ELSEWHERE: they have a test of their own"


def test_the_list_does_not_grow() -> None:
    """Whoever shortens it lowers the number."""
    assert len(elsewhere()) <= MOST_ELSEWHERE
