"""What was built is found by its recipe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from harness.config.artifacts import (
    DRAFT_KEPT_S,
    Builds,
    builds,
    collect,
    find_artifact,
    get_or_build,
    knowing,
    latest,
    note_of,
    place_of,
    turn,
)
from harness.config.files import replacing
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
    assert find_artifact("things", recipe) is None
    first = get_or_build("things", recipe, write("one", calls))
    assert get_or_build("things", recipe, write("two", calls)) == first == find_artifact("things", recipe)
    other = get_or_build("things", {**recipe, "seed": 2}, write("one", calls))
    assert (other.digest, other.path != first.path) == (first.digest, True)
    assert get_or_build("things", {**recipe, "seed": 3}, write("three", calls)).digest != first.digest
    assert calls == ["one", "one", "three"]


@pytest.mark.parametrize("damage", [lambda path: path.write_text("on", "utf-8"), Path.unlink])
def test_a_folder_whose_files_were_changed_or_lost_is_built_again(
    damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    first = get_or_build("things", {"seed": 1}, write("one", calls))
    damage(first.path / "a.txt")
    assert find_artifact("things", {"seed": 1}) is None
    assert f"{first.path} is damaged" in caplog.text
    assert get_or_build("things", {"seed": 1}, write("one", calls)) == first == find_artifact("things", {"seed": 1})
    assert calls == ["one", "one"]


def test_who_waits_for_another_process_is_told(caplog: pytest.LogCaptureFixture) -> None:
    path = place_of("things", {"seed": 1})
    path.parent.mkdir()
    with ThreadPoolExecutor() as pool:
        with FileLock(f"{path}.lock"):
            made = pool.submit(get_or_build, "things", {"seed": 1}, write("one", []))
            wait_until(lambda: f"{path} is being built by somebody else; this build waits for it." in caplog.text)
        assert made.result() == find_artifact("things", {"seed": 1})


def test_a_file_that_came_later_is_no_damage() -> None:
    """A file manager's note of how it shows the folder had weights trained anew."""
    calls: list[str] = []
    first = get_or_build("things", {"seed": 1}, write("one", calls))
    (first.path / ".DS_Store").write_bytes(b"x")
    assert get_or_build("things", {"seed": 1}, write("two", calls)) == first == find_artifact("things", {"seed": 1})


def test_a_note_that_a_power_cut_left_empty_costs_nothing_that_was_built() -> None:
    calls: list[str] = []
    first, other = (get_or_build("things", {"seed": seed}, write("one", calls)) for seed in (1, 2))
    note_of(first.path).write_bytes(b"")
    assert latest("things", {}) == other
    with knowing(Builds({("things", first.path.name): first.digest}, is_offline=True)):
        assert find_artifact("things", {"seed": 1}) == first
    assert get_or_build("things", {"seed": 1}, write("two", calls)) == first == find_artifact("things", {"seed": 1})
    assert calls == ["one", "one"]


def test_a_damaged_folder_that_stays_is_told_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    first = get_or_build("things", {"seed": 1}, write("one", calls))
    (first.path / "a.txt").write_text("on", "utf-8")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.config.artifacts.shutil.rmtree", refused)
    with pytest.raises(PermissionError):
        get_or_build("things", {"seed": 1}, write("two", calls))
    assert calls == ["one"]


def test_a_note_that_could_not_be_written_costs_nothing_that_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk was full: an empty note made what had been trained count as damaged, and it was removed."""
    calls: list[str] = []

    def full(path: Path, *_: object) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    def build(folder: Path) -> None:
        (folder / "a.txt").write_bytes(b"one")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            get_or_build("things", {"seed": 1}, build)
    assert get_or_build("things", {"seed": 1}, write("two", calls)).path.joinpath("a.txt").read_bytes() == b"one"
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
            get_or_build("parts", recipe, fails, keeps_draft=keeps_draft)
        assert find_artifact("parts", recipe) is None
    get_or_build("parts", recipe, fails, keeps_draft=keeps_draft)
    assert seen == ([[], ["part1"], ["part1", "part2"]] if keeps_draft else [[], [], []])


@pytest.mark.parametrize("of_part", [False, True])
def test_what_a_build_returns_is_the_artifact_and_the_rest_of_its_draft_goes(of_part: bool) -> None:
    def build(draft: Path) -> Path | None:
        (draft / "result").mkdir()
        (draft / "result" / "a.txt").write_text("one", "utf-8")
        return draft / "result" if of_part else None

    made = get_or_build("things", {"of_part": of_part}, build)
    assert [each.name for each in made.path.iterdir()] == (["a.txt"] if of_part else ["result"])
    assert not made.path.with_suffix(".draft").exists()


def test_the_digest_is_what_its_maker_says_and_stays_with_it() -> None:
    made = get_or_build("things", {"a": 1}, write("one", []), digest=lambda path: (path / "a.txt").read_text("utf-8"))
    assert made.digest == "one"
    (made.path / "a.txt").touch()
    assert find_artifact("things", {"a": 1}) == made


def test_what_can_be_built_is_not_taken_as_known() -> None:
    recipe = {"a": 1}
    digests = {("things", place_of("things", recipe).name): "c0ffee"}
    with knowing(Builds(digests)):
        assert find_artifact("things", recipe) is None
    with knowing(Builds(digests, is_offline=True)):
        known = find_artifact("things", recipe)
        assert known is not None
        assert (known.digest, known.is_here) == ("c0ffee", False)
    assert builds().noted == {}


def test_what_was_built_or_found_is_noted() -> None:
    with knowing(Builds()) as built:
        made = get_or_build("things", {"a": 1}, write("one", []))
    with knowing(Builds()) as found:
        find_artifact("things", {"a": 1})
    assert built.noted == found.noted == {("things", made.path.name): made.digest}


def test_the_latest_of_what_a_part_of_a_recipe_tells_is_the_one_used_last() -> None:
    assert latest("things", {"name": "a"}) is None
    first, second = (get_or_build("things", {"name": "a", "identity": n}, write(str(n), [])) for n in range(2))
    get_or_build("things", {"name": "b", "identity": 0}, write("other", []))
    os.utime(note_of(second.path), (1, 1))
    assert latest("things", {"name": "a"}) == first
    os.utime(note_of(first.path), (0, 0))
    assert latest("things", {"name": "a"}) == second


def test_drafts_that_nobody_went_on_with_are_removed_unless_somebody_has_their_lock() -> None:
    old, held, new = (place_of("things", {"n": n}).with_suffix(".draft") for n in range(3))
    long_ago = time.time() - DRAFT_KEPT_S - 60
    for draft in (old, held, new):
        (draft / "checkpoint").mkdir(parents=True)
        os.utime(draft / "checkpoint", (long_ago, long_ago))
    for draft in (old, held):
        os.utime(draft, (long_ago, long_ago))
    with turn(held.with_suffix("")):
        get_or_build("things", {"n": 3}, write("one", []))
        assert [draft.exists() for draft in (old, held, new)] == [False, True, True]
    collect()
    assert [draft.exists() for draft in (old, held, new)] == [False, False, True]


def test_two_threads_that_write_one_file_have_temporary_files_of_their_own(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        one.write_text("one", "utf-8")
        other.write_text("other", "utf-8")
        assert one.read_text("utf-8") == "one"
    assert (tmp_path / "a").read_text("utf-8") == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
