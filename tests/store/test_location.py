from pathlib import Path

import pytest

from harness.config import Settings
from harness.store import store_url
from harness.store.location import without_password


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (None, "/project/.steelyard/store.db"),
        ("data/samples.db", "/project/data/samples.db"),
        ("/data/samples.db", "/data/samples.db"),
        ("sqlite:////data/samples.db", "sqlite:////data/samples.db"),
        ("postgresql://ann@db/steelyard", "postgresql://ann@db/steelyard"),
    ],
)
def test_a_store_lies_where_the_settings_say(store: str | None, expected: str) -> None:
    assert store_url(Settings(root=Path("/project"), store=store)) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:p@ss:w/rd@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
        ("postgresql:///x?host=/run&password=secret&port=1", "postgresql:///x?host=/run&password=***&port=1"),
        ("postgresql:///x?sslpassword=secret", "postgresql:///x?sslpassword=***"),
        ("/plain/path@home/store.db", "/plain/path@home/store.db"),
    ],
)
def test_a_password_is_never_shown(url: str, expected: str) -> None:
    assert without_password(url) == expected
