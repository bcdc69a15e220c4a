from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import SettingsError
from tests.config.settings_files import load

SILENT = dict.fromkeys(("mlflow", "store"))
TABLES = {"diary": {"path": "diary.txt"}}


def test_nothing_is_asked_for_by_default() -> None:
    assert Settings(Path("/project")).trackers_asked(SILENT) == {}


def test_a_table_asks_for_a_tracker_with_its_options() -> None:
    assert Settings(Path("/project"), trackers=TABLES).trackers_asked(SILENT) == TABLES


@pytest.mark.parametrize(
    ("settings", "given", "asked"),
    [
        ({"mlflow": "http://127.0.0.1:9"}, {}, True),
        ({"mlflow": "http://127.0.0.1:9", "is_tracked": False}, {}, False),
    ],
)
def test_an_address_asks_for_the_one_with_settings_of_its_own(settings, given, asked) -> None:
    found = Settings(Path("/project"), **settings).trackers_asked({**SILENT, **given})
    assert found == ({"mlflow": {**SILENT, **given, "to": None}} if asked else {})


def test_beside_others_its_command_for_later_names_it() -> None:
    settings = Settings(Path("/project"), mlflow="http://127.0.0.1:9", trackers=TABLES)
    assert [(name, options.get("to")) for name, options in settings.trackers_asked(SILENT).items()] == [
        ("mlflow", "mlflow"),
        ("diary", None),
    ]


def test_a_table_for_it_is_refused(folder: Path) -> None:
    assert load(folder, "trackers.diary = { path = 'd' }").trackers == {"diary": {"path": "d"}}
    with pytest.raises(SettingsError, match=r"trackers\.mlflow: MLflow is asked for by the settings mlflow"):
        load(folder, "trackers.mlflow = {}")
