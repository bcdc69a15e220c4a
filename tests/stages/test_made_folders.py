"""What was built is found by its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.stages.made_folders import find_made, make


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path))


def write(text: str, calls: list[str]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        calls.append(text)
        (folder / "a.txt").write_text(text, "utf-8")

    return build


def test_a_recipe_is_built_once_and_its_content_is_of_the_files() -> None:
    calls: list[str] = []
    recipe = {"seed": 1, "packages": {"x": "1.0"}}
    assert find_made("things", recipe) is None
    first = make("things", recipe, write("one", calls))
    assert make("things", recipe, write("two", calls)) == first == find_made("things", recipe)
    other = make("things", {**recipe, "seed": 2}, write("one", calls))
    assert (other.content, other.path != first.path) == (first.content, True)
    assert make("things", {**recipe, "seed": 3}, write("three", calls)).content != first.content
    assert calls == ["one", "one", "three"]


@pytest.mark.parametrize("damage", [lambda path: path.write_text("on", "utf-8"), Path.unlink])
def test_a_folder_whose_files_were_changed_or_lost_is_built_again(
    damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    first = make("things", {"seed": 1}, write("one", calls))
    damage(first.path / "a.txt")
    assert find_made("things", {"seed": 1}) is None
    assert f"{first.path} is damaged" in caplog.text
    assert make("things", {"seed": 1}, write("one", calls)) == first == find_made("things", {"seed": 1})
    assert calls == ["one", "one"]


@pytest.mark.parametrize("keeps_draft", [False, True])
def test_a_build_that_fails_leaves_nothing_or_what_it_can_go_on_from(keeps_draft: bool) -> None:
    recipe = {"of": str(keeps_draft)}
    seen: list[list[str]] = []

    def fails(folder: Path) -> None:
        seen.append(sorted(path.name for path in folder.iterdir()))
        (folder / f"part{len(seen)}").write_text("x", "utf-8")
        if len(seen) < 3:
            raise ValueError("killed")

    for _ in range(2):
        with pytest.raises(ValueError, match="killed"):
            make("parts", recipe, fails, keeps_draft=keeps_draft)
        assert find_made("parts", recipe) is None
    make("parts", recipe, fails, keeps_draft=keeps_draft)
    assert seen == ([[], ["part1"], ["part1", "part2"]] if keeps_draft else [[], [], []])
