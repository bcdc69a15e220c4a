"""Vocabularies, their special tokens and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models.description.contents import read_gguf
from harness.models.description.vocabulary import Vocabulary, read_vocabulary
from tests.models.description.made import write_gguf


def vocabulary(*tokens: str, model: str = "gpt2", stops: tuple[int, ...] = (), **ids: object) -> Vocabulary:
    settings = {"tokenizer.ggml.model": model, **{f"tokenizer.ggml.{name}": value for name, value in ids.items()}}
    return read_vocabulary(settings, tokens, stops)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("gpt2", "BPE"), ("llama", "SPM"), ("bert", "WPM"), ("t5", "UGM"), ("rwkv", "RWKV"), ("none", "no vocab")],
)
def test_a_type_has_llama_cpps_name(model: str, kind: str) -> None:
    assert kind == vocabulary("a", model=model).kind


def test_tokens_at_which_an_engine_stops_end_an_answer() -> None:
    found = vocabulary("a", "b", "c", stops=(2, 9), eos_token_id=1)
    assert [token.id for token in found.ends] == [1, 2]
    named = vocabulary("a", "</s>", "x", eot_token_id=2, eos_token_id=9)
    assert ([token.id for token in named.ends], list(named.special)) == ([1, 2], ["EOT"])


@pytest.mark.parametrize(
    ("model", "settings", "adds"),
    [
        ("llama", {}, True),
        ("llama", {"add_bos_token": False}, False),
        ("gpt2", {}, False),
        ("gpt2", {"add_bos_token": True}, True),
        ("t5", {}, False),
    ],
)
def test_bos_is_put_before_a_text_as_the_file_says_or_its_type_has_it(
    model: str, settings: dict[str, object], adds: bool
) -> None:
    assert adds == vocabulary("a", model=model, **settings).add_bos


def test_the_longest_token_is_measured_in_bytes_and_broken_ones_are_written_out(tmp_path: Path) -> None:
    assert vocabulary("ab", "日本").max_token_length == 6
    file = read_gguf(write_gguf(tmp_path / "m.gguf", extra={"tokenizer.ggml.bos_token_id": 1}))
    assert read_vocabulary(file.settings, file.tokens, file.stops).special["BOS"].piece == "<s>"
    assert vocabulary("\udcff", eos_token_id=0).special["EOS"].piece == "\\xff"
