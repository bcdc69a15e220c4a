"""What is told of a build."""

from __future__ import annotations

from harness.stages.build_state import BuildProgress, BuildState, unseen


def test_who_shows_nothing_is_told_all_the_same() -> None:
    progress: BuildProgress = unseen
    progress(BuildState("clean", "c4", 3, 9))


def test_how_many_there_are_may_not_be_known_yet() -> None:
    state = BuildState("clean", "reading")
    assert (state.done, state.total, state.unit, state.note) == (0, None, "documents", "")
