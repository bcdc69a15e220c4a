"""What a process of training is handed."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests.stages.training.requests import request_of

pytestmark = pytest.mark.nightly


def test_a_request_is_what_a_process_is_handed(tmp_path: Path) -> None:
    asked = request_of(tmp_path, "")
    assert pickle.loads(pickle.dumps(asked)) == asked
