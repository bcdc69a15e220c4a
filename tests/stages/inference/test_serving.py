"""The fixture `server`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.settings import load_settings
from harness.errors import CapabilityError, EngineError, NotInLineageError
from harness.models.version import load_version
from harness.stages.inference.serving import Server, start_server
from harness.stages.lineage import StageContext


def server_of(folder: Path, table: str) -> Server:
    (folder / "steelyard.toml").write_text(f"[models.it]\n{table}\n", encoding="utf-8")
    settings = load_settings(folder)
    return start_server(load_version(settings.version("it"), folder), StageContext(settings))


SERVED = 'engine = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"'


def test_a_version_with_an_address_is_there_and_is_not_ended(tmp_path: Path) -> None:
    server = server_of(tmp_path, SERVED)
    assert (server.address, server.is_ours, server.start_up_s) == ("http://127.0.0.1:9/v1", False, None)
    with pytest.raises(CapabilityError, match="won't restart"):
        server.restart()
    with pytest.raises(EngineError, match="/metrics can't be read"):
        server.metrics()
    with pytest.raises(CapabilityError, match="no weights"):
        _ = server.description
    server.close()


def test_a_version_that_nobody_serves_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotInLineageError, match="it has no server"):
        server_of(tmp_path, 'engine = "scripted"\ndefault = "yes"')
