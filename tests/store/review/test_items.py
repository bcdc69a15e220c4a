import threading

from harness.records.review import Batch
from harness.store import Store
from tests.review.conftest import SCALE, batch_of


def test_an_item_that_is_drawn_while_others_read_is_never_without_its_standing(store: Store) -> None:
    store.review.add_batch(Batch("b1", 1.0, "suites/test_s.py::test_s", SCALE), [])
    drawn = batch_of(150)

    def draw() -> None:
        for item in drawn:
            store.review.extend("b1", [item])

    drawing = threading.Thread(target=draw)
    drawing.start()
    seen = set[int]()
    while len(drawn) not in seen:
        items, standings = store.review.items_and_standings("b1")
        assert [item.id for item in items] == list(standings)
        seen.add(len(items))
        if not drawing.is_alive():
            seen.add(len(store.review.items("b1")))
    drawing.join()
    assert len(seen) > 2
