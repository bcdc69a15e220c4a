import json
from pathlib import Path

import pytest

from harness.config import load_settings
from harness.models.lineage import differences
from tests.cli.conftest import Run

SETTINGS = """
baseline = "plain"
judge = "terse"

[models.plain]
engine = "scripted"
answers = { "Capital of Peru?" = "Lima" }
sampling = { temperature = 0.7, max_tokens = 8 }

[models.terse]
base = "plain"
system = "Answer in one word."
sampling = { temperature = 0.0 }

[models.served]
engine = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "m"
api_key_env = "STEELYARD_TEST_ABSENT_KEY"

[models.lost]
engine = "scripted"
answers = "nowhere.json"
"""


@pytest.fixture
def settings(folder: Path) -> Path:
    path = folder / "steelyard.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.mark.usefixtures("settings")
def test_the_table_shows_what_a_version_is_and_how_it_differs(run: Run) -> None:
    result = run("models")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    plain = json.loads(run("models", "plain", "--json").output)[0]
    assert lines[1] == f"plain    scripted      {plain['fingerprint'][:12]}  ready  (baseline)"
    assert '    plain with system = "Answer in one word.", sampling.temperature = 0.0' in lines
    assert "    m at http://127.0.0.1:1/v1" in lines
    assert max(len(line) for line in lines if "/" not in line) <= 80


def test_a_version_with_passages_is_built_before_it_is_ready(
    run: Run, folder: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(folder / "cache"))
    (folder / "häfen.jsonl").write_text('{"id": "hours", "text": "Open from nine to six."}\n', encoding="utf-8")
    more = '\n[models.rag]\nbase = "plain"\nretrieval = { passages = "häfen.jsonl", k = 1 }\n'
    settings.write_text(settings.read_text(encoding="utf-8") + more, encoding="utf-8")
    before = run("models", "rag").output
    assert before.splitlines()[1].split() == ["rag", "scripted", "-", "to", "be", "built"]
    assert 'plain with retrieval.passages = "häfen.jsonl", retrieval.k = 1' in before
    assert run("build", "rag").exit_code == 0
    assert run("models", "rag").output.splitlines()[1].endswith("ready")


@pytest.mark.usefixtures("settings")
def test_json_has_whole_fingerprints_roles_and_states(run: Run) -> None:
    by_name = {each["name"]: each for each in json.loads(run("models", "--json").output)}
    assert list(by_name) == ["plain", "terse", "served", "lost"]
    assert len(by_name["plain"]["fingerprint"]) == 32
    assert by_name["plain"]["fingerprint"] != by_name["terse"]["fingerprint"]
    assert by_name["plain"]["roles"] == ["baseline"]
    assert by_name["terse"]["roles"] == ["judge"]
    assert by_name["terse"]["differs"] == {"system": "Answer in one word.", "sampling.temperature": 0.0}
    assert [each["ready"] for each in by_name.values()] == [True, True, False, False]


@pytest.mark.usefixtures("settings")
def test_a_version_without_its_key_is_not_ready_but_has_a_fingerprint(run: Run) -> None:
    served = json.loads(run("models", "served", "--json").output)[0]
    assert "STEELYARD_TEST_ABSENT_KEY is not set" in served["problem"]
    assert len(served["fingerprint"]) == 32


@pytest.mark.usefixtures("settings")
def test_a_version_without_its_answers_is_not_ready(run: Run) -> None:
    lost = json.loads(run("models", "lost", "--json").output)[0]
    assert "nowhere.json" in lost["problem"]
    assert lost["fingerprint"] is None
    assert "not ready" in run("models", "lost").output


@pytest.mark.usefixtures("settings")
def test_a_key_is_never_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_TEST_ABSENT_KEY", "sk-secret")
    for arguments in (["models"], ["models", "--json"]):
        result = run(*arguments)
        assert "sk-secret" not in result.output
    served = json.loads(run("models", "served", "--json").output)[0]
    assert (served["ready"], served["state"]) == (True, "configured")


@pytest.mark.usefixtures("settings")
def test_an_unknown_version_is_refused_with_the_nearest(run: Run) -> None:
    result = run("models", "plane")
    assert result.exit_code == 4
    assert "Did you mean 'plain'?" in result.stderr


def test_without_versions_it_says_where_they_come_from(run: Run) -> None:
    result = run("models")
    assert result.exit_code == 0
    assert "steelyard init" in result.output
    assert json.loads(run("models", "--json").output) == []


def test_broken_settings_are_a_usage_error(run: Run, folder: Path) -> None:
    (folder / "steelyard.toml").write_text("samples = 0\n", encoding="utf-8")
    result = run("models")
    assert result.exit_code == 4
    assert "samples = 0 is below 1" in result.stderr


def test_engine_arguments_are_compared_one_by_one(folder: Path) -> None:
    (folder / "steelyard.toml").write_text(
        '[models.a]\nengine = "vllm"\nweights = "w"\nengine_args = { seed = 1, dtype = "bfloat16" }\n'
        '[models.b]\nbase = "a"\ndrop_layers = 2\nengine_args = { seed = 2 }\n',
        encoding="utf-8",
    )
    versions = load_settings(folder).versions
    assert differences(versions["b"], versions["a"]) == {"engine_args.seed": 2, "drop_layers": 2}
    assert differences(versions["a"], versions["a"]) == {}


def test_a_version_whose_settings_can_not_be_is_listed_with_what_is_wrong(run: Run, settings: Path) -> None:
    settings.write_text(SETTINGS + '\n[models.hasty]\nbase = "plain"\nsistem = "x"\n', encoding="utf-8")
    result = run("models")
    assert result.exit_code == 0
    assert "hasty    -             -             not ready" in result.output
    assert "Did you mean 'system'?" in " ".join(result.output.split())
    (hasty,) = [each for each in json.loads(run("models", "--json").output) if each["name"] == "hasty"]
    assert (hasty["ready"], hasty["fingerprint"]) == (False, None)
    assert run("models", "plain").exit_code == 0
    refused = run("models", "hasty")
    assert refused.exit_code != 0


@pytest.mark.service
def test_a_traceback_keeps_its_lines(run: Run, folder: Path) -> None:
    """It is of what the module of an application raised."""
    (folder / "broken_bot.py").write_text("import shop_that_is_not_there\n")
    settings = '[models.bot]\nengine = "python"\ncall = "broken_bot:answer"\n'
    (folder / "steelyard.toml").write_text(settings)
    lines = run("models", "bot").output.splitlines()
    place = lines.index("    Traceback (most recent call last):")
    assert lines[place + 1].startswith('      File "')
    assert "        import shop_that_is_not_there" in lines
