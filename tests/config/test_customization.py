"""The steps of a version, as its tables define them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.artifacts import Unbuilt
from harness.config.customization import AdapterSettings, ContextSettings, DistilledSettings, RetrievalSettings
from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from tests.config.settings_files import load

BASE = """
[models.base]
engine = "scripted"
default = "a"
"""


def version(folder: Path, text: str, name: str = "v") -> VersionSettings:
    return load(folder, f"{BASE}\n{text}").version(name)


def test_steps_stand_in_the_order_of_the_chain_of_bases(tmp_path: Path) -> None:
    found = version(
        tmp_path,
        """
        [models.v]
        base = "w"
        context = { tokens = 100, keep = "start" }
        [models.w]
        base = "u"
        retrieval = { passages = "p.jsonl", k = 5 }
        [models.u]
        base = "base"
        context = { tokens = 50 }
        """,
    )
    assert [(step.kind, step.version) for step in found.steps] == [
        ("context", "u"),
        ("retrieval", "w"),
        ("context", "v"),
    ]
    assert found.retrieval is not None
    assert found.retrieval.settings == RetrievalSettings("p.jsonl", k=5)
    assert found.context == ContextSettings(100, "start")
    assert not found.retrieval.is_built
    assert version(tmp_path, "", "base").steps == ()


def test_a_distilled_version_needs_no_weights(tmp_path: Path) -> None:
    text = """
    [models.v]
    engine = "transformers"
    distilled = { teacher = "base", data = "prompts.jsonl", student = { layers = 10 }, steps = 20 }
    """
    found = version(tmp_path, text)
    assert found.steps[0].settings == DistilledSettings("base", "prompts.jsonl", layers=10, steps=20)
    assert found.engine_options["weights"] == Unbuilt("v")


def test_an_adapter_is_a_folder_or_trained(tmp_path: Path) -> None:
    text = """
    [models.v]
    engine = "transformers"
    weights = "w"
    adapter = { data = "train.jsonl", rank = 4, merge = true }
    """
    assert version(tmp_path, text).steps[0].settings == AdapterSettings(data="train.jsonl", rank=4, merge=True)
    ready = text.replace('{ data = "train.jsonl", rank = 4, merge = true }', '"adapters/support"')
    assert version(tmp_path, ready).steps[0].settings == AdapterSettings(folder="adapters/support")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("retrieval = 3", "retrieval = 3 is no"),
        ("retrieval = { passage = 'p' }", "Did you mean 'passages'"),
        ("retrieval = { k = 3 }", "retrieval needs passages; no table takes over keys of its base's"),
        ("retrieval = { call = 'shop.search' }", 'names no function; write "module:function"'),
        ("retrieval = { passages = 'p', files = ['index'] }", "files are what a function reads"),
        ("retrieval = { passages = 'p', k = 0 }", "k = 0 is below 1"),
        ("retrieval = { passages = 'p', prompt = '{prompt}' }", r"does not hold \{passages\}"),
        (
            "retrieval = { passages = 'p', prompt = '{{passages}} {prompt}' }",
            r"would put braces around what \{passages\} stands for\. Write \{passages\}\.",
        ),
        ("retrieval = { passages = 'p', prompt = '{passages} {{prompt}}' }", r"Write \{prompt\}\."),
        ("context = { keep = 'end' }", "context needs tokens"),
        ("context = { tokens = 0 }", "tokens = 0 is below 1"),
        ("context = { tokens = 9, keep = 'middle' }", "keep = 'middle'"),
        ("adapter = 3", 'write "FOLDER", or { key = "value" }'),
        ("adapter = { rank = 8 }", "adapter needs data, to train it, or the folder of a ready one"),
        ("adapter = { folder = 'f', rank = 8 }", "folder is a ready adapter, and rank is of one that is trained"),
        ("adapter = { ranks = 8 }", r"No setting named 'ranks'.*folder.*Did you mean 'rank'"),
        ("adapter = { data = 'd', dropout = 1 }", "dropout = 1 is outside"),
        ("distilled = { teacher = 'base' }", "distilled needs data"),
        ("distilled = { weights = 'w' }", "distilled needs teacher"),
        (
            "distilled = { teacher = 'base', weights = 'w', steps = 9 }",
            "trained elsewhere, and steps is of one that is",
        ),
        (
            "distilled = { teacher = 'base', data = 'd', method = 'on_policy' }",
            "soft_targets. A student of .* weights = ",
        ),
        ("distilled = { teacher = 'base', data = 'd', student = {} }", "give one of layers"),
        ("distilled = { teacher = 'base', data = 'd', student = { layers = 1, weights = 'w' } }", "give one of layers"),
        ("distilled = { teacher = 'base', data = 'd', method = 'soft' }", "method = 'soft'"),
        ("distilled = { teacher = 'base', data = 'd', temperature = 0 }", "temperature = 0 is not above 0"),
        ("distilled = { teacher = 'base', data = 'd', hard_weight = 2 }", "hard_weight = 2 is outside"),
        ("distilled = { teacher = 'base', data = 'd', precision = 'float16' }", "Did you mean 'bfloat16'"),
    ],
)
def test_what_can_not_be_is_refused_with_the_way_out(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        version(tmp_path, f'[models.v]\nbase = "base"\n{table}')
    assert "version 'v'" in str(caught.value)
