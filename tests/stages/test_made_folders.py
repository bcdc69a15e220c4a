"""What was built is found by its recipe."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from harness.stages.made_folders import find_made, make, place_of
from tests.waiting import wait_until


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


def test_who_waits_for_another_process_is_told(caplog: pytest.LogCaptureFixture) -> None:
    path = place_of("things", {"seed": 1})
    path.parent.mkdir()
    with ThreadPoolExecutor() as pool:
        with FileLock(f"{path}.lock"):
            made = pool.submit(make, "things", {"seed": 1}, write("one", []))
            wait_until(lambda: f"{path} is being built by somebody else; this build waits for it." in caplog.text)
        assert made.result() == find_made("things", {"seed": 1})


def test_a_file_that_came_later_is_no_damage() -> None:
    """A file manager's note of how it shows the folder had weights trained anew."""
    calls: list[str] = []
    first = make("things", {"seed": 1}, write("one", calls))
    (first.path / ".DS_Store").write_bytes(b"x")
    assert make("things", {"seed": 1}, write("two", calls)) == first == find_made("things", {"seed": 1})


def test_a_note_that_could_not_be_written_costs_nothing_that_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full: an empty note made what had been trained count as damaged, and it was removed."""
    calls: list[str] = []

    def full(path: Path, *_: object) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            make("things", {"seed": 1}, lambda folder: (folder / "a.txt").write_bytes(b"one"))
    assert make("things", {"seed": 1}, write("two", calls)).path.joinpath("a.txt").read_bytes() == b"one"
    assert calls == []


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
