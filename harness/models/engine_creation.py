"""Creates the engine of a version, and refuses a version that could not answer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from harness.models.engine import Engine
from harness.models.prompts.texts import read_texts
from harness.models.retrieval.retriever import check_retriever
from harness.models.spec import engine_spec
from harness.models.version import Version


def engine_key(version: Version) -> str:
    """Equal for versions that one engine can answer for: same weights, code or answers, and engine settings, whatever
    sampling, system text, template, revision and name.
    """
    settings = version.settings
    text = json.dumps([settings.engine, dict(settings.engine_options), version.made_of], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def create_engine(version: Version, root: Path) -> Engine:
    """The engine for a version, not yet started; its module is imported here and not before.

    Args:
        root: folder that relative paths start from, unless the version has one of its own.

    Raises:
        SettingsError: a package that the engine needs is not installed, or an API key is not in the environment.
    """
    settings = version.settings
    spec = engine_spec(settings.engine)
    spec.require_packages(settings)
    return spec.create(settings, settings.root(root))


def check_version(settings: VersionSettings, root: Path) -> None:
    """Refuse a version that could not answer, before any request."""
    spec = engine_spec(settings.engine)
    spec.require_packages(settings)
    if settings.context is not None and settings.engine_options.keys().isdisjoint(("weights", "tokenizer")):
        raise SettingsError(
            f"Version {settings.name!r} has a context, whose tokens the version's own tokenizer counts, and its engine "
            f'{settings.engine!r} names none. Take the engine "vllm" or "transformers" with weights; for a server, '
            '"vllm" with base_url and tokenizer = "FOLDER".'
        )
    read_texts(settings, root)
    check_retriever(settings, root)
    if settings.is_registered and not spec.is_endpoint(settings.engine_options):
        from harness.models.mlflow.registry import check_registered

        check_registered(settings)
    else:
        spec.check(settings, settings.root(root))
