"""Cases from files and objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import CaseError
from harness.stages.case_files import filed_cases, load_cases


def test_first_folder_that_has_the_file_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cases.jsonl").write_text(f'{{"id": "{name}"}}\n')
    assert [case.id for case in load_cases("cases.jsonl", (tmp_path / "b", tmp_path / "a"))] == ["b"]


def test_byte_order_mark_and_blank_lines_are_left_aside(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_bytes(b'\xef\xbb\xbf{"id": "a"}\r\n\r\n{"id": "b"}')
    assert [case.id for case in load_cases("cases.jsonl", (tmp_path,))] == ["a", "b"]


def test_whole_number_is_an_id() -> None:
    assert load_cases([{"id": 7}], ())[0].id == "7"


@pytest.mark.parametrize("value", [True, 0.5, None, ["a"]])
def test_id_that_is_no_text_is_named(value: object) -> None:
    with pytest.raises(CaseError, match=r"item 0: the id .* is not a text"):
        load_cases([{"id": value}], ())


@pytest.mark.parametrize("row", [{"prompt": "Q"}, {3: "Q"}, {"id": " "}])
def test_case_without_an_id_says_what_it_has(row: dict[object, object]) -> None:
    with pytest.raises(CaseError, match=r"item 0: the case has no id.* It has: "):
        load_cases([row], ())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "b"', " is no JSON: Expecting ',' delimiter at column 11"),
        ('{"id": "b", "prompt": "1", "prompt": "2"}', " is no JSON: the key 'prompt' is there twice in one object"),
        ('{"id": "b", "n": ' + "9" * 5000 + "}", " is no JSON"),
        ('{"id": "b", "n": NaN}', " is no JSON: NaN is no number of JSON"),
        ('{"id": null}', ": the id None is not a text"),
    ],
)
def test_line_that_can_not_be_a_case_is_refused_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "cases.jsonl").write_text(f'{{"id": "a"}}\n\n{line}\n')
    with pytest.raises(CaseError, match=rf"cases\.jsonl, line 3{said}"):
        load_cases("cases.jsonl", (tmp_path,))


def test_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("id,prompt,prompt\na,1,2\n")
    with pytest.raises(CaseError, match=r"cases\.csv, line 1: the column 'prompt' is there twice"):
        load_cases("cases.csv", (tmp_path,))


@pytest.mark.parametrize("name", ["x" * 5000 + ".jsonl", "x" * 5000, "a\0.jsonl"])
def test_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaseError, match="case file") as refused:
        load_cases(name, (tmp_path,))
    assert len(str(refused.value)) < 1000


def test_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").symlink_to("cases.jsonl")
    with pytest.raises(CaseError, match="case file"):
        load_cases("cases.jsonl", (tmp_path,))


def test_name_that_is_neither_a_file_nor_a_data_set_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"no data set's name .owner/name.. Looked in"):
        load_cases("capitals", (tmp_path,))


def test_unwritten_suffix_of_an_existing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cases.txt").write_text("a")
    with pytest.raises(CaseError, match=r"cases are read from .jsonl, .csv, .parquet, not from .txt"):
        load_cases("cases.txt", (tmp_path,))


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(CaseError, match="is not valid parquet"):
        load_cases("cases.parquet", (tmp_path,))


def test_folder_gives_the_cases_of_all_its_evaluations(tmp_path: Path) -> None:
    for name in ("foundation/capitals", "foundation/facts", "web"):
        (tmp_path / "evals" / name).mkdir(parents=True)
    (tmp_path / "evals/foundation/capitals/cases.jsonl").write_text('{"id": "peru", "prompt": "Q"}')
    (tmp_path / "evals/foundation/capitals/cases.csv").write_text("id,prompt\nchad,Q")
    (tmp_path / "evals/foundation/facts/documents.jsonl").write_text('{"id": "legs"}\n{"question": "Q"}')
    (tmp_path / "evals/foundation/facts/task.yaml").write_text(
        "data_files:\n  train: evals/foundation/facts/train.jsonl\n  test: evals/foundation/facts/documents.jsonl"
    )
    for name in ("web/documents", "foundation/capitals/lessons", "foundation/facts/train", "foundation/facts/ents"):
        (tmp_path / f"evals/{name}.jsonl").write_text('{"text": "no case"}')
    cases = load_cases("evals", (tmp_path,))
    facts = "foundation/facts/documents"
    expected = ["foundation/capitals/chad", "foundation/capitals/peru", f"{facts}/legs", f"{facts}/2"]
    assert [case.id for case in cases] == expected
    assert cases[1].prompt == "Q"
    filed = filed_cases("evals", (tmp_path,))
    assert [case.id for case in filed] == expected
    assert (filed[1].file, filed[1].case.id) == ("foundation/capitals/cases.jsonl", "peru")


def test_folder_without_cases_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    with pytest.raises(CaseError, match=r"holds no case files: none called cases\.jsonl, cases\.csv, cases\.parquet"):
        load_cases("evals", (tmp_path,))


def test_file_of_a_folder_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals/cases.jsonl").write_text('{"id": "a"}\n{"prompt": "Q"}')
    with pytest.raises(CaseError, match=r"cases\.jsonl, line 2: the case has no id"):
        load_cases("evals", (tmp_path,))


@pytest.mark.service
@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, unique=True))
def test_any_ids_survive_a_file(ids: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.jsonl"
        path.write_text("".join(json.dumps({"id": name}) + "\n" for name in ids), encoding="utf-8")
        assert [case.id for case in load_cases(path, ())] == ids
