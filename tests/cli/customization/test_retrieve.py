"""`steelyard retrieve`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from tests.libraries import needed

needed("bm25s")

TEXT = """
models.plain = { engine = "scripted", default = "nine" }
models.rag = { base = "plain", retrieval = { passages = "p.jsonl", k = 2 } }
models.student = { engine = "transformers", distilled = { teacher = "gone", data = "gone.jsonl" } }
models.gone = { engine = "transformers", weights = "gone" }
models.desk = { base = "student", retrieval = { passages = "p.jsonl", k = 1 } }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    passages = [{"id": "hours", "text": "Open from nine to six."}, {"id": "cards", "text": "A card. " * 60}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(passage) + "\n" for passage in passages), "utf-8")
    (tmp_path / "steelyard.toml").write_text(TEXT, "utf-8")
    return tmp_path


@pytest.mark.usefixtures("folder")
class TestRetrieve:
    def test_what_is_found_is_shown_within_the_terminal(self) -> None:
        done = CliRunner().invoke(main, ["retrieve", "rag", "a card"], env={"COLUMNS": "60"})
        assert done.exit_code == 0
        lines = done.output.splitlines()
        assert lines[0].startswith("1  cards  ")
        assert len(lines) == 4
        assert lines[3].endswith(" …")
        assert max(map(len, lines)) <= 60

    def test_json_has_rank_id_score_and_text(self) -> None:
        done = CliRunner().invoke(main, ["retrieve", "rag", "open at nine", "--k", "1", "--json"])
        (found,) = json.loads(done.output)
        assert (found["rank"], found["id"], found["text"]) == (1, "hours", "Open from nine to six.")
        assert found["score"] > 0

    def test_the_index_is_built_alone(self) -> None:
        """A question cost the training of a student that is not asked."""
        done = CliRunner().invoke(main, ["retrieve", "desk", "open", "--json"])
        assert [find["id"] for find in json.loads(done.output)] == ["hours"]

    def test_nothing_found_is_said(self) -> None:
        assert CliRunner().invoke(main, ["retrieve", "rag", "zeppelin"]).output.startswith("No passage was found")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["rag", "open", "--k", "9"], "give 1 to 2, which is how many passages there are"),
            (["plain", "open"], "plain has no retriever: give it retrieval = { passages"),
            (["rga", "open"], "Did you mean 'rag'?"),
            (["rag", " "], "is no query: give a text"),
        ],
    )
    def test_what_can_not_be_is_said_with_the_way_out(self, arguments: list[str], said: str) -> None:
        done = CliRunner().invoke(main, ["retrieve", *arguments])
        assert done.exit_code == 4
        assert said in done.output
