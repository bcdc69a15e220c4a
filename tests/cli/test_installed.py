from collections.abc import Callable

import pytest

from harness.cli.doctor import extras, requirements


def test_here_everything_that_steelyard_itself_needs_is_met() -> None:
    assert requirements()[1] == []


@pytest.mark.service
def test_extras_come_from_the_metadata_without_all() -> None:
    assert {"vllm", "vllm-cpu", "transformers", "postgres", "judges", "lm-eval", "mlflow", "ray"} <= set(extras())
    assert "all" not in extras()


def test_what_is_absent_or_too_old_is_missing(install: Callable[..., None]) -> None:
    install("present", "2.0")
    install("old", "1.0")
    install(
        "steelyard",
        "9.9",
        "Provides-Extra: some",
        "Requires-Dist: absent-core>=3",
        "Requires-Dist: click>=8",
        "Requires-Dist: present>=1; extra == 'some'",
        "Requires-Dist: old<3,>=2; extra == 'some'",
        "Requires-Dist: absent-part; extra == 'some'",
        "Requires-Dist: elsewhere; extra == 'some' and sys_platform == 'none'",
    )
    assert extras() == ["some"]
    assert requirements("some") == ({"present": "2.0"}, ["old<3,>=2", "absent-part"])
    assert requirements()[1] == ["absent-core>=3"]
