import re
import subprocess
import sys

import pytest

from harness.store import new_run_id


def test_run_ids_sort_by_time() -> None:
    assert re.fullmatch(r"20261124-160312-[0-9a-f]{6}", new_run_id(1795536192.9))
    assert new_run_id(1795536192.0)[:15] < new_run_id(1795536193.0)[:15]


def test_run_ids_of_one_second_differ() -> None:
    assert len({new_run_id(0.0) for _ in range(50)}) == 50


@pytest.mark.service
def test_sqlalchemy_is_loaded_with_the_first_store_only() -> None:
    loaded = "print('sqlalchemy' in sys.modules)"
    code = f"import sys, harness.store; {loaded}; harness.store.Store; {loaded}"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["False", "True"]
