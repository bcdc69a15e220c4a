"""Vocabularies and templates are compared by content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.stages.training.sequences import check_vocabularies, other_tokens


@pytest.fixture
def student(tiny_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llama, tmp_path / "student"))


def both(*folders: Path) -> list[VersionTokenizer]:
    return [load_tokenizer({"tokenizer": str(folder)}, folder) for folder in folders]


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


def test_a_permuted_vocabulary_of_equal_size_is_refused(tiny_llama: Path, student: Path) -> None:
    model = json.loads((student / "tokenizer.json").read_text("utf-8"))["model"]
    vocabulary = dict(model["vocab"])
    vocabulary["x"], vocabulary["y"] = vocabulary["y"], vocabulary["x"]
    change(student / "tokenizer.json", model={**model, "vocab": vocabulary})
    found = "; ".join(other_tokens(*both(tiny_llama, student)))
    assert "is 'x' to the teacher and 'y' to" in found
    assert "is 'y' to the teacher and 'x' to" in found
    with pytest.raises(UsageError, match=r"differ, token \d+ is .* to the teacher and .*: teaching by logits needs"):
        check_vocabularies(tiny_llama, student)


def test_a_smaller_vocabulary_is_refused(tiny_llama: Path, student: Path) -> None:
    content = json.loads((student / "tokenizer.json").read_text("utf-8"))
    model = content["model"]
    vocabulary = {piece: number for piece, number in model["vocab"].items() if piece != "bc"}
    change(student / "tokenizer.json", model={**model, "vocab": vocabulary, "merges": model["merges"][:1]})
    with pytest.raises(UsageError, match=r'of 261 and 260 tokens differ, .*method = "sequence" teaches by texts'):
        check_vocabularies(tiny_llama, student)


def test_numbers_that_no_token_has_are_no_difference_and_tokens_after_them_are_compared(
    tiny_llama: Path, tmp_path: Path
) -> None:
    content = json.loads((tiny_llama / "tokenizer.json").read_text("utf-8"))
    vocabulary = content["model"]["vocab"]
    last, gap = (next(piece for piece, number in vocabulary.items() if number == wanted) for wanted in (258, 200))
    made = []
    for name, renamed in (("teacher", last), ("student", last), ("other", "Ω")):
        folder = Path(shutil.copytree(tiny_llama, tmp_path / name))
        kept = {renamed if piece == last else piece: number for piece, number in vocabulary.items() if piece != gap}
        change(folder / "tokenizer.json", model={**content["model"], "vocab": kept})
        made.append(folder)
    teacher, student, other = made
    assert list(other_tokens(*both(teacher, student))) == []
    check_vocabularies(teacher, student)
    (found,) = other_tokens(*both(teacher, other))
    assert found == f"token 258 is {last!r} to the teacher and 'Ω' to the student"
    (found,) = other_tokens(*both(teacher, tiny_llama))
    assert found == f"token 200 is None to the teacher and {gap!r} to the student"


def test_another_template_is_refused(tiny_llama: Path, student: Path) -> None:
    path = student / "tokenizer_config.json"
    change(path, chat_template=json.loads(path.read_text("utf-8"))["chat_template"] + " ")
    with pytest.raises(UsageError, match="The chat templates of teacher and student differ"):
        check_vocabularies(tiny_llama, student)


def test_a_template_is_another_where_a_special_token_that_it_names_is(student: Path, tmp_path: Path) -> None:
    path = student / "tokenizer_config.json"
    template = "{% for message in messages %}{{ message['content'] }}{{ eos_token }}{% endfor %}"
    change(path, chat_template=template, eos_token="</s>")
    own = Path(shutil.copytree(student, tmp_path / "own"))
    change(own / "tokenizer_config.json", pad_token="</s>")
    check_vocabularies(student, own)
    change(own / "tokenizer_config.json", eos_token="<pad>")
    with pytest.raises(UsageError, match="differ, or special tokens that they name"):
        check_vocabularies(student, own)
