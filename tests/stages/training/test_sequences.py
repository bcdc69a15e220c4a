"""Texts as sequences of tokens."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.stages.building import built
from harness.stages.training.sequences import (
    IGNORED,
    TokenSequence,
    check_length,
    count_prompt,
    drawn,
    make_sequences,
)
from harness.stages.training.texts import Lesson
from tests.config.settings_files import load
from tests.libraries import needed
from tests.models.conftest import write_tiny_llama

pytestmark = pytest.mark.service

transformers = needed("transformers")
WINDOW = 512


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(str(tiny_llama))


@pytest.fixture(scope="module")
def own(tiny_llama: Path) -> VersionTokenizer:
    """The same, without transformers."""
    return load_tokenizer({"weights": str(tiny_llama)}, tiny_llama)


def asked(prompt: str, answer: str) -> Lesson:
    return Lesson("a", answer, ({"role": "user", "content": prompt},))


def test_documents_are_joined_with_an_end_after_each_and_cut(tokenizer: Any, own: VersionTokenizer) -> None:
    documents = [Lesson("a", "abcdef"), Lesson("b", "ghij")]
    found = make_sequences(documents, own, 4)
    assert {len(each.tokens) for each in found} == {4}
    assert "abcdef</s>ghij</s>".startswith("".join(tokenizer.decode(each.tokens) for each in found))
    assert 0 <= len(tokenizer("abcdefghij")["input_ids"]) + 2 - 4 * len(found) < 4
    assert all(each.labels == each.tokens for each in found)


def test_the_tokens_of_a_prompt_carry_no_loss(tokenizer: Any, own: VersionTokenizer) -> None:
    (found,) = make_sequences([asked("Two?", "Yes.")], own, 99)
    chat = [{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "Yes."}]
    assert list(found.tokens) == tokenizer.apply_chat_template(chat, return_dict=False), "as transformers has it"
    answer = [token for token, label in zip(found.tokens, found.labels, strict=True) if label != IGNORED]
    prompt = [token for token, label in zip(found.tokens, found.labels, strict=True) if label == IGNORED]
    assert tokenizer.decode(prompt) == "<s>user: Two?</s><s>assistant:"
    assert tokenizer.decode(answer) == " Yes.</s>"
    assert all(label in (IGNORED, token) for token, label in zip(found.tokens, found.labels, strict=True))


def test_a_chat_that_is_learned_whole_has_loss_on_each_answer(tokenizer: Any, own: VersionTokenizer) -> None:
    chat = [("user", "Two?"), ("assistant", "Yes."), ("user", "Three?")]
    messages = tuple({"role": role, "content": content} for role, content in chat)
    (found,) = make_sequences([Lesson("a", "No.", messages, learns_all=True)], own, 99)
    (last,) = make_sequences([Lesson("a", "No.", messages)], own, 99)
    assert found.tokens == last.tokens
    learned = [tokenizer.decode([token for token in each.labels if token != IGNORED]) for each in (found, last)]
    assert learned == [" Yes.</s> No.</s>", " No.</s>"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([asked("A long prompt", "Yes.")], r"The text 'a': the prompt has \d+ tokens, and a sequence has 12"),
        ([asked("?", "")], "The text 'a' has a prompt and no answer"),
        ([Lesson("a", "abc")], "The 1 documents have fewer than 12 tokens together"),
    ],
)
def test_what_nothing_could_be_learned_from_is_refused(
    own: VersionTokenizer, texts: list[Lesson], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_sequences(texts, own, 12)


def test_every_sequence_is_drawn_before_any_comes_again() -> None:
    sequences = [TokenSequence((number,), (number,)) for number in range(5)]
    found = drawn(sequences, 12, seed=3)
    assert set(found[:5]) == set(found[5:10]) == set(sequences)
    assert found == drawn(sequences, 12, seed=3) != drawn(sequences, 12, seed=4)


def prompt_of(tokens: int, tokenizer: Any) -> Lesson:
    """A prompt of so many tokens."""
    around = len(tokenizer.apply_chat_template([user("")], add_generation_prompt=True, return_dict=False))
    word = " z"
    each = len(tokenizer(word * 2, add_special_tokens=False)["input_ids"]) / 2
    text = word * int((tokens - around) / each)
    return Lesson("p", "", (user(text),), line="d.jsonl, line 3")


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_the_window_is_that_of_the_config(tiny_llama: Path, tmp_path: Path) -> None:
    check_length(WINDOW, tiny_llama)
    shutil.copy(tiny_llama / "config.json", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    config.pop("max_position_embeddings")
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    check_length(WINDOW + 1, tmp_path)
    with pytest.raises(UsageError, match="length = 513, and the weights take 512 tokens at most"):
        check_length(WINDOW + 1, tmp_path, tiny_llama)


def test_a_prompt_that_fills_a_sequence_teaches_nothing(tokenizer: Any, own: VersionTokenizer) -> None:
    text = prompt_of(40, tokenizer)
    n_tokens = len(tokenizer.apply_chat_template(list(text.prompt), add_generation_prompt=True, return_dict=False))
    assert count_prompt(text, own, n_tokens + 1) == n_tokens
    with pytest.raises(UsageError, match=rf"line 3: the prompt has {n_tokens} .* Set length to more than {n_tokens}"):
        count_prompt(text, own, n_tokens)


def noted(texts: list[Lesson], own: VersionTokenizer, length: int) -> list[str]:
    """What is told of these texts."""
    told: list[str] = []
    make_sequences(texts, own, length, told.append)
    return told


def test_answers_that_are_cut_are_counted_and_refused_where_all_are(own: VersionTokenizer) -> None:
    short, long = asked("Two?", "Yes."), asked("Two?", "Yes, " * 9)
    longest = len(make_sequences([long], own, WINDOW)[0].tokens)
    assert noted([short, long], own, longest) == []
    said = f"answers are cut at length = {longest - 1}; set length to {longest} to keep them whole"
    assert noted([short, long], own, longest - 1) == [f"1 of 2 {said}"]
    with pytest.raises(UsageError, match=f"All 2 answers are cut at length = 40, .*: set length to {longest} to keep"):
        make_sequences([long, long], own, 40)
    chat = (user("Two?"), {"role": "assistant", "content": "Yes."}, user("Three?"))
    assert noted([Lesson("a", "No, " * 9, chat, learns_all=True)], own, 70), "its first answer ends"
    ended, unended = (replace(short, finish_reason=reason) for reason in ("stop", "length"))
    paid = replace(long, finish_reason="stop")
    assert noted([ended, paid], own, longest - 1) == [f"1 of 2 {said}"]
    assert noted([unended, paid], own, longest - 1) == [
        f"2 of 2 answers are cut at length = {longest - 1}; set a larger length"
    ], "a teacher was paid"


def test_a_template_that_writes_a_prompt_otherwise_is_refused(tmp_path: Path) -> None:
    config = write_tiny_llama(tmp_path) / "tokenizer_config.json"
    content = json.loads(config.read_text("utf-8"))
    content["chat_template"] = "{{ messages | length }}" + content["chat_template"]
    config.write_text(json.dumps(content), "utf-8")
    own = load_tokenizer({"weights": str(tmp_path)}, tmp_path)
    with pytest.raises(UsageError, match=r"The chat template writes a prompt otherwise .*Give the version a tokenizer"):
        make_sequences([asked("Two?", "Yes.")], own, 99)


def test_a_teacher_is_not_asked_what_its_student_could_not_learn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    write_tiny_llama(tmp_path / "tiny")
    long = "Where is the boat? " * 9
    (tmp_path / "d.jsonl").write_text(f'{{"prompt": "?"}}\n{{"prompt": "{long}"}}\n', "utf-8")
    settings = load(
        tmp_path,
        '[models.wise]\nengine = "scripted"\ndefault = "Aye."\n[models.student]\nengine = "transformers"\n'
        '[models.student.distilled]\nteacher = "wise"\ndata = "d.jsonl"\nmethod = "sequence"\nlength = 48\nsteps = 1\n'
        'student = { weights = "tiny" }\n',
    )
    phases = []
    with pytest.raises(UsageError, match=r"student\] distilled: .*d\.jsonl, line 2: the prompt has \d+ tokens, and a"):
        built(settings, "student", progress=lambda state: phases.append(state.phase))
    assert phases == []
