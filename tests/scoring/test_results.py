import pytest

from harness.errors import ScoreError
from harness.scoring.results import read_result


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"kept": value}])
def test_what_was_not_awaited_is_no_score_and_says_what_to_write(wrap) -> None:
    async def judged() -> float:
        return 1.0

    with pytest.raises(ScoreError, match="did not await; write `return await"):
        read_result(wrap(judged()))
