from pathlib import Path

import pytest

from harness.errors import RubricError
from harness.scoring.judging.rubric import HEADINGS, Rubrics, read_rubric
from tests.scoring.judging.rubrics import SUMMARY, rubric, with_sections


def test_a_rubric_is_a_title_and_sections_under_fixed_headings() -> None:
    read = rubric(
        Scale="- **2**: good\n* 0: bad,\n  very bad\n- 1: in between",
        Input="- passages\n- `question`",
        Reference="expected",
        Guidelines="Read twice.\n\n### Examples\n\n```\n# no title\n```",
    )
    assert (read.title, read.criteria) == ("Faithful summary", "A summary says what the text says, in fewer words.")
    assert read.steps == (
        "List what the summary claims.",
        "Check each claim against the text, and count those that it supports.",
    )
    assert read.scale == ((0, "bad, very bad"), (1, "in between"), (2, "good"))
    assert (read.input, read.reference) == (("passages", "question"), "expected")
    assert read.guidelines == "Read twice.\n\n### Examples\n\n```\n# no title\n```"


def test_headings_are_known_in_any_case_and_a_line_may_be_broken_anywhere() -> None:
    read = read_rubric("# t\n## CRITERIA\nc\n## steps\n1) do\nthis\n## scale\n- 0: a\n- 1: b\nor c\n", "r.md")
    assert read.steps == ("do this",)
    assert read.scale == ((0, "a"), (1, "b or c"))


def test_scores_are_mapped_from_the_scale_to_0_and_1() -> None:
    read = rubric()
    assert [read.value(score) for score in (1, 2, 3, 4.5, 5)] == [0, 0.25, 0.5, 0.875, 1]
    assert rubric(Scale="- -1: worse\n- 1: better").value(0) == 0.5


def test_another_text_has_another_digest() -> None:
    assert rubric().digest == rubric().digest
    assert rubric().digest != rubric(Guidelines="Read twice.").digest
    assert len(rubric().digest) == 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_sections(Scale="- 3: middling"), r"`## Scale`: each score stands there once, and there are two or more"),
        (with_sections(Scale="- 1: bad\n- 1: worse"), r"`## Scale`: each score stands there once"),
        (with_sections(Scale="- 1: bad\n- 2.5: half\n- 3: good"), r"`## Scale`: '- 2.5: half' is none of its items"),
        (with_sections(Scale="- 1: bad\n- 2:"), r"`## Scale`: an item has no text; write a line for each score"),
        (with_sections(Scale="good or bad"), r"'good or bad' is none of its items; write a line for"),
        (with_sections(Steps="- look"), r"'- look' is none of its items; write there what the judge does in order"),
        (with_sections(Steps="1.\n2. look"), r"`## Steps`: an item has no text"),
        (with_sections(Steps=""), r"rubric.md has no `## Steps`; write there"),
        (with_sections(Criteria=""), r"rubric.md has no `## Criteria`; say there what a good answer is"),
        (with_sections(Scales="- 1: bad"), r"No heading named 'Scales'.*Did you mean 'Scale'\?"),
        (SUMMARY + "\n## Scale\n- 1: a\n", r"`## Scale` is there twice; join them"),
        (SUMMARY + "\n# Another\n", r"No heading named 'Another'"),
        (SUMMARY.replace("# Faithful summary", "Faithful"), r"'Faithful' stands under no heading"),
        (SUMMARY.replace("# Faithful summary\n", "#\n"), r"rubric.md has no title; begin it with `# `"),
        ("", r"rubric.md has no title"),
        (with_sections(Input="the prompt"), r"'the prompt' is none of its items; write the name of a field"),
        (with_sections(Reference="a\nb"), r"`## Reference`: a reference is one field of the case, not 2"),
    ],
)
def test_what_no_judge_could_follow_is_refused_with_file_and_heading(text: str, message: str) -> None:
    with pytest.raises(RubricError, match=message) as refused:
        read_rubric(text, "rubric.md")
    assert str(refused.value).startswith("rubric.md")


def test_a_rubric_without_a_scale_is_for_preferences_alone() -> None:
    read = rubric(Scale="")
    assert read.scale == ()
    with pytest.raises(RubricError, match=r"rubric.md has no scale, and judge.rate needs one: write `## Scale`"):
        read.check_scale()


def test_probabilities_are_those_of_single_digits() -> None:
    rubric().check_scale(weighted=True)
    ten = rubric(Scale="- 1: bad\n- 10: good")
    ten.check_scale()
    with pytest.raises(RubricError, match=r"goes by the probabilities of single digits, and the scale has 10;"):
        ten.check_scale(weighted=True)


def test_a_rubric_is_looked_for_in_each_folder_and_read_once(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    path = tmp_path / "evals" / "rubric.md"
    path.write_text("﻿" + SUMMARY, encoding="utf-8")
    rubrics = Rubrics((tmp_path / "nowhere", tmp_path))
    read = rubrics.get("evals/rubric.md")
    assert (read.title, read.place) == ("Faithful summary", str(path))
    path.unlink()
    assert rubrics.get(Path("evals/rubric.md")) is read


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("evals/rubrik.md", r"There is no rubric 'evals/rubrik.md'. .*evals has: other.md, rubric.md."),
        ("gone/rubric.md", r"Looked in .*gone: no rubric \(.md\) there"),
        ("evals/rubric", r"There is no rubric 'evals/rubric', a Markdown file \(.md\). Looked in"),
        ("evals", r"There is no rubric 'evals'"),
        ("evals/latin.md", r"latin.md is not UTF-8"),
        ("a\0b.md", r"can't be looked for: embedded null byte|There is no rubric"),
        (None, r"rubric = None is not a path; write one such as evals/"),
        ("", r"rubric = '' is not a path"),
    ],
)
def test_a_rubric_that_is_not_there_is_refused(tmp_path: Path, name: str, message: str) -> None:
    folder = tmp_path / "evals"
    folder.mkdir()
    for file in ("rubric.md", "other.md"):
        (folder / file).write_text(SUMMARY, encoding="utf-8")
    (folder / "latin.md").write_bytes(b"# caf\xe9")
    if name != "evals/latin.md":
        (folder / "latin.md").unlink()
    with pytest.raises(RubricError, match=message):
        Rubrics((tmp_path,)).get(name)


@pytest.mark.parametrize("name", HEADINGS)
def test_an_empty_section_is_refused_with_what_to_write_there(name: str) -> None:
    with pytest.raises(RubricError, match=rf"`## {name}` is empty; (say|write) .*\."):
        read_rubric(with_sections(**{name: "KEPT"}).replace("KEPT", ""), "rubric.md")
