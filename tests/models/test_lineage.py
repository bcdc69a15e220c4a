"""What a version was made of, the first made first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.customization import DistilledSettings, RetrievalSettings, Step
from harness.config.settings import Settings, load_settings
from harness.models.description.description import describe_weights
from harness.models.lineage import LineageStep, differences, read_lineage
from tests.models.description.made import copy_of, set_config, write_gguf

SETTINGS = """
[models.whole]
engine = "transformers"
weights = "{weights}"
[models.pruned]
base = "whole"
drop_layers = [1]
[models.cooler]
base = "pruned"
sampling = {{ temperature = 0.2 }}
[models.same]
base = "whole"
"""


PAIRS = {"rag": "whole", "more": "rag", "fewer": "more", "cold": "rag"}


def settings(folder: Path, weights: Path, more: str = "") -> Settings:
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=weights) + more, encoding="utf-8")
    return load_settings(folder)


def lineage(found: Settings, name: str) -> tuple[LineageStep, ...]:
    weights = describe_weights(found.version(name).engine_options, found.root)
    return read_lineage(found.versions, name, weights)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def test_each_base_is_a_step_with_what_its_own_table_asks_for(tiny_llama: Path, tmp_path: Path) -> None:
    steps = lineage(settings(tmp_path, tiny_llama), "cooler")
    assert [step.made for step in steps] == ["tiny", "whole", "the same without layer 1", "pruned", "cooler"]
    assert [step.of for step in steps[1:]] == [("tiny",), ("whole",), ("the same without layer 1",), ("pruned",)]
    assert steps[0].by == "saved in all F32"
    assert steps[3].by == "the settings: drop_layers = [1]"
    assert steps[4].by == "the settings: sampling.temperature = 0.2"
    assert lineage(settings(tmp_path, tiny_llama), "same")[-1].by == "the settings: no difference"


def test_what_is_rounded_is_made_of_the_base_as_its_table_left_it(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    steps = lineage(settings(tmp_path, path, '[models.small]\nbase = "pruned"\nquantized = "int8"'), "small")
    assert [(step.made, step.of) for step in steps[2:]] == [
        ("a folder of safetensors in BF16", ("m.gguf",)),
        ("whole", ("a folder of safetensors in BF16",)),
        ("the same without layer 1", ("whole",)),
        ("pruned", ("the same without layer 1",)),
        ("the same rounded to int8", ("pruned",)),
        ("small", ("the same rounded to int8",)),
    ]


def test_what_can_not_be_made_of_the_base_is_made_of_the_files_anew(tmp_path: Path) -> None:
    """Another type of the converted folder, or another file, goes back behind the layers that the base left out."""
    path = write_gguf(tmp_path / "m.gguf")
    steps = lineage(settings(tmp_path, path, '[models.exact]\nbase = "pruned"\ndtype = "float32"'), "exact")
    assert [(step.made, step.of) for step in steps[-3:]] == [
        ("a folder of safetensors in all F32", ("m.gguf",)),
        ("the same without layer 1", ("a folder of safetensors in all F32",)),
        ("exact", ("pruned", "the same without layer 1")),
    ]


def test_files_of_a_base_with_other_weights_are_not_told(tiny_llama: Path, tmp_path: Path) -> None:
    other = copy_of(tiny_llama, tmp_path / "other")
    more = f'[models.moved]\nbase = "whole"\nweights = "{other}"'
    steps = lineage(settings(tmp_path, tiny_llama, more), "moved")
    assert [(step.made, step.of) for step in steps] == [
        ("whole", ()),
        ("other", ()),
        ("moved", ("whole", "other")),
    ]


def test_a_gguf_file_tells_its_makers_and_is_converted(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.Q4_0.gguf", file_type=2, quantize="Q8_0")
    steps = lineage(settings(tmp_path, path), "whole")
    assert [step.made for step in steps] == ["Made", "m.Q4_0.gguf", "a folder of safetensors in BF16", "whole"]
    assert steps[0] == LineageStep("Made", (), "not said by the file")
    assert steps[1] == LineageStep("m.Q4_0.gguf", ("Made",), "quantized to Q4_0")
    assert "transformers" in steps[2].by


def test_a_gguf_file_names_what_it_was_made_of(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    writer.add_name("Child")
    writer.add_organization("Makers")
    writer.add_base_model_count(2)
    writer.add_base_model_name(0, "Mother")
    writer.add_base_model_repo_url(1, "https://example.org/father")
    writer.add_tokenizer_model("none")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    first = lineage(settings(tmp_path, tmp_path / "m.gguf"), "whole")[0]
    assert first == LineageStep("Child", ("Mother", "https://example.org/father"), "Makers")


def test_a_quantizer_is_named(tiny_llama: Path, tmp_path: Path) -> None:
    own = copy_of(tiny_llama, tmp_path / "own")
    set_config(own, quantization_config={"quant_method": "compressed-tensors", "format": "int-quantized"})
    assert "compressed-tensors, int-quantized" in lineage(settings(tmp_path, own), "whole")[0].by


def test_what_a_version_is_given_beside_its_weights_is_a_difference(tiny_llama: Path, tmp_path: Path) -> None:
    more = """
[models.rag]
base = "whole"
retrieval = { passages = "p.jsonl", k = 3 }
[models.more]
base = "rag"
retrieval = { passages = "p.jsonl", k = 5 }
context = { tokens = 64 }
[models.fewer]
base = "more"
retrieval = { passages = "p.jsonl" }
[models.cold]
base = "rag"
sampling = { temperature = 0 }
"""
    found = settings(tmp_path, tiny_llama, more)
    own = {name: differences(found.version(name), found.version(base)) for name, base in PAIRS.items()}
    assert own == {
        "rag": {"retrieval.passages": "p.jsonl"},
        "more": {"retrieval.k": 5, "context.tokens": 64},
        "fewer": {"retrieval.k": 3},
        "cold": {"sampling.temperature": 0},
    }


def test_what_was_built_for_a_version_is_a_step_of_its_own(tiny_llama: Path, tmp_path: Path) -> None:
    found = settings(tmp_path, tiny_llama, '[models.student]\nbase = "pruned"\n[models.rag]\nbase = "student"')
    folder = copy_of(tiny_llama, tmp_path / "built")
    taught = Step("distilled", "student", DistilledSettings("whole", "texts.jsonl", steps=30), str(folder), "c0ffee")
    passages = Step("retrieval", "rag", RetrievalSettings("passages.jsonl"), str(tmp_path), "facade")
    options = {**found.version("student").engine_options, "weights": str(folder)}
    options.pop("drop_layers")
    versions = {
        "whole": found.version("whole"),
        "pruned": found.version("pruned"),
        "student": replace(found.version("student"), engine_options=options, steps=(taught,)),
        "rag": replace(found.version("rag"), engine_options=options, steps=(taught, passages)),
    }
    steps = read_lineage(versions, "rag", describe_weights(options, found.root))
    assert [(step.made, step.of, step.step, step.fingerprint) for step in steps] == [
        ("whole", (), "settings", None),
        ("pruned", ("whole",), "settings", None),
        ("student, distilled", ("pruned", "teacher whole", "data texts.jsonl"), "distilled", "c0ffee"),
        ("student", ("student, distilled",), "settings", None),
        ("rag, retrieval", ("student", "passages passages.jsonl"), "retrieval", "facade"),
        ("rag", ("rag, retrieval",), "settings", None),
    ]
    assert steps[2].by.startswith("distilled: method = 'soft_targets', temperature = 2.0, hard_weight = 0.1")
    assert "steps = 30" in steps[2].by
    assert "transformers" in steps[2].by
    assert steps[3].by == "the settings: no difference"
