"""A plain table of texts, by the cells that they take on a terminal."""

from harness.reporting.shared.text import columns


def test_the_first_column_is_to_the_left_the_others_to_the_right_and_no_line_ends_in_spaces() -> None:
    assert columns([("東京", "1", ""), ("abc", "22", "x")]) == ["東京   1", "abc   22  x"]
