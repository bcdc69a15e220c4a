"""suites/distillation/test_speed.py tells how fast a student is beside its teacher, as a ratio."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.projects import Project
from tests.stages.inference.blocks.conftest import Serve, serve

pytestmark = pytest.mark.nightly

__all__ = ["serve"]

SUITE = Path(__file__).parents[2] / "suites" / "distillation" / "test_speed.py"
SHORTER = {'"blocks": 24': '"blocks": 6', '"seconds": 2.5': '"seconds": 0.3, "accept": ["schedule", "steal"]'}


def test_a_student_that_is_slower_than_its_teacher_is_red_with_the_ratio(project: Project, serve: Serve) -> None:
    for name, law in (("student", {"itl_s": 0.008}), ("teacher", {"itl_s": 0.004})):
        address = serve(tokens=16, **law).address
        project.versions[name] = {"engine": "openai", "base_url": address, "model": "law"}
    text = SUITE.read_text(encoding="utf-8")
    for whole, short in SHORTER.items():
        assert whole in text
        text = text.replace(whole, short)
    (project.path / "test_it.py").write_text(text, encoding="utf-8")
    assert project.run("--candidate", "student", "--baseline", "teacher").ret == 1
    speed = project.evaluation("test_throughput")
    assert (speed["verdict"], speed["unit"], speed["margin_is_relative"]) == ("regressed", "tokens/s", True)
    assert -0.7 < speed["difference"]["value"] < -0.3
    assert project.verdicts()["test_between_tokens"] == "regressed"
    assert project.report()["usage"]["measured_blocks"] == 12
