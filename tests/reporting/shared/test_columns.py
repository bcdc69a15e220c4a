"""A plain table of texts, by the cells that they take on a terminal."""

from harness.reporting.shared.columns import columns


def test_the_first_column_is_to_the_left_and_the_others_to_the_right() -> None:
    rows = [("name", "n", "share"), ("long name", "100", "1")]
    assert columns(rows) == ["name         n  share", "long name  100      1"]
    assert columns(rows) == ["name         n  share", "long name  100      1"]


def test_wide_characters_take_two_cells() -> None:
    assert columns([("東京", "1"), ("abc", "22")]) == ["東京   1", "abc   22"]


def test_no_line_ends_in_spaces() -> None:
    assert columns([("a", ""), ("b", "1")]) == ["a", "b  1"]
