"""The examples of the docs are installed as a user would install them, and work."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.entry_points.installing import COMMAND, GATE, ROOT, install, run

pytestmark = pytest.mark.service

EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    for name in ("parrot-engine", "opentelemetry-tracker"):
        install(EXAMPLES / name, target)
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steelyard.toml").write_text(
        'baseline = "quiet"\nmargin = 0.2\n[models.quiet]\nengine = "parrot"\n'
        '[models.loud]\nbase = "quiet"\nvoice = "loud"\n[models.old]\nbase = "quiet"\nforgets = 0.9\n',
        encoding="utf-8",
    )
    (tmp_path / "test_parrot.py").write_text(
        "import pytest\nfrom harness import checks\n"
        'CASES = [{"id": f"c{i}", "prompt": f"bird {i}"} for i in range(60)]\n\n'
        "@pytest.mark.evaluation(cases=CASES)\n"
        "def test_it_repeats(model, case):\n"
        "    return checks.exact(model.ask(case.prompt).lower(), case.prompt)\n",
        encoding="utf-8",
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    return tmp_path


def test_the_engine_keeps_the_contract(installed: Path) -> None:
    tests = EXAMPLES / "parrot-engine" / "test_parrot.py"
    done = run(*GATE, "--rootdir", str(tests.parent), str(tests), folder=installed, installed=installed)
    assert done.returncode == 0, done.stdout
    assert "11 passed" in done.stdout


@pytest.mark.nightly
def test_the_engine_gates_green_and_red(installed: Path, folder: Path) -> None:
    green = run(*GATE, "--candidate", "loud", folder=folder, installed=installed)
    assert green.returncode == 0, green.stdout + green.stderr
    red = run(*GATE, "--candidate", "old", folder=folder, installed=installed)
    assert red.returncode == 1, red.stdout + red.stderr
    assert json.loads((folder / "reports/latest/report.json").read_text())["evaluations"][0]["verdict"] == "regressed"


def test_its_settings_are_checked_and_it_is_listed(installed: Path, folder: Path) -> None:
    listed = run(*COMMAND, "models", folder=folder, installed=installed)
    assert "quiet    parrot" in listed.stdout
    assert "repeats its prompt" in listed.stdout
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write('[models.hoarse]\nbase = "quiet"\nvoice = "hoarse"\n')
    refused = run(*GATE, "--candidate", "hoarse", folder=folder, installed=installed)
    assert refused.returncode == 4
    assert "version 'hoarse' (engine 'parrot'): voice = 'hoarse' is none of: loud, quiet." in refused.stderr


def test_versions_that_differ_in_its_settings_have_fingerprints_of_their_own(installed: Path, folder: Path) -> None:
    done = run(*COMMAND, "models", "--json", folder=folder, installed=installed)
    assert len({each["fingerprint"] for each in json.loads(done.stdout)}) == 3


CONFTEST = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

def pytest_unconfigure(config):
    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    (config.rootpath / "spans.json").write_text(json.dumps(spans))
"""

needs_sdk = pytest.mark.skipif(find_spec("opentelemetry.sdk") is None, reason="needs opentelemetry-sdk")


@pytest.mark.nightly
@needs_sdk
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_gate_becomes_a_span_and_each_evaluation_one_below_it(
    installed: Path, folder: Path, options: tuple[str, ...]
) -> None:
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write('[trackers.opentelemetry]\nservice = "gates"\n')
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    ran = run(*GATE, "--candidate", "old", *options, folder=folder, installed=installed)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    report = json.loads((folder / "reports/latest/report.json").read_text())
    child, gate = json.loads((folder / "spans.json").read_text())
    assert f"opentelemetry  trace {gate['context']['trace_id'].removeprefix('0x')}, 2 spans" in ran.stdout
    assert (gate["name"], gate["parent_id"]) == ("steelyard gate", None)
    assert child["parent_id"] == gate["context"]["span_id"]
    assert gate["attributes"]["steelyard.run_id"] == report["run_id"]
    assert gate["attributes"]["gen_ai.usage.output_tokens"] == report["usage"]["completion_tokens"]
    assert (gate["status"]["status_code"], child["status"]["status_code"]) == ("ERROR", "ERROR")
    (verdict,) = report["evaluations"]
    for attributes in (child["attributes"], child["events"][0]["attributes"]):
        assert attributes["gen_ai.evaluation.name"] == "test_parrot.py::test_it_repeats"
        assert attributes["gen_ai.evaluation.score.label"] == "regressed"
        assert attributes["gen_ai.evaluation.score.value"] == pytest.approx(verdict["candidate"]["value"], abs=1e-6)
        assert attributes["gen_ai.evaluation.explanation"]
    assert child["events"][0]["name"] == "gen_ai.evaluation.result"


@needs_sdk
def test_an_option_that_the_tracker_has_not_is_refused_before_the_first_request(installed: Path, folder: Path) -> None:
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write('[trackers.opentelemetry]\nexporter = "smoke"\n')
    done = run(*GATE, "--candidate", "loud", folder=folder, installed=installed)
    assert done.returncode == 4
    assert "trackers.opentelemetry: exporter = 'smoke' is none of console" in done.stderr
    assert not (folder / ".steelyard").exists()


@needs_sdk
def test_by_itself_it_writes_to_the_exporter_that_is_named(installed: Path, folder: Path) -> None:
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write('[trackers.opentelemetry]\nexporter = "console"\nservice = "gates"\n')
    done = run(*GATE, "--candidate", "loud", "-s", folder=folder, installed=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"service.name": "gates"' in done.stdout
    assert '"gen_ai.evaluation.score.label": "passed"' in done.stdout


def test_a_tracker_that_fails_changes_nothing_and_says_why(installed: Path, folder: Path) -> None:
    (folder / "conftest.py").write_text(
        "def pytest_configure(config):\n"
        "    import steelyard_opentelemetry\n"
        "    def fail(*given):\n        raise OSError('no way out')\n"
        "    steelyard_opentelemetry._write = fail\n",
        encoding="utf-8",
    )
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write("[trackers.opentelemetry]\n")
    done = run(*GATE, "--candidate", "loud", folder=folder, installed=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: opentelemetry: not logged: OSError: no way out. The verdict stands" in done.stdout
    run_id = json.loads((folder / "reports/latest/report.json").read_text())["run_id"]
    assert f"To do it later: steelyard track {run_id} --to opentelemetry" in " ".join(done.stdout.split())


@needs_sdk
def test_a_stored_gate_becomes_spans_later(installed: Path, folder: Path) -> None:
    assert run(*GATE, "--candidate", "old", folder=folder, installed=installed).returncode == 1
    run_id = json.loads((folder / "reports/latest/report.json").read_text())["run_id"]
    command = (*COMMAND, "track", run_id, "--to", "opentelemetry")
    done = run(*command, folder=folder, installed=installed, OTEL_TRACES_EXPORTER="console")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'"steelyard.run_id": "{run_id}"' in done.stdout
    assert '"gen_ai.evaluation.score.label": "regressed"' in done.stdout
    assert re.search(r"^opentelemetry  trace [0-9a-f]{32}, 2 spans$", done.stdout, re.MULTILINE)
