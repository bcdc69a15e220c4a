from __future__ import annotations

from pathlib import Path

from harness.models.description.contents import WeightsFile
from harness.models.files.safetensors_file import Tensor


def file(**settings: object) -> WeightsFile:
    return WeightsFile(Path("m"), "safetensors", settings, ())


def test_packed_weights_are_counted_and_what_tells_of_others_is_not() -> None:
    assert Tensor("q", (4, 3), "I32", 48, packed=8).n_parameters == 8 * 4 * 3
    assert Tensor("q.scale", (4, 1), "F32", 16, is_weight=False).n_parameters == 0


def test_a_setting_is_the_first_that_is_there_and_the_largest_of_all_layers() -> None:
    assert file(b=2).number("a", "b") == 2
    assert file().number("a", default=7) == 7
    assert file(a=(1, 5, 3)).number("a") == 5


def test_what_is_said_once_holds_for_every_layer() -> None:
    assert file(a=4).per_layer("a", 3) == (4, 4, 4)
    assert file(a=(1, 2)).per_layer("a", 2) == (1, 2)
    assert file().per_layer("a", 2, default=9) == (9, 9)
