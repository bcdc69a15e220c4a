"""The queue in which people judge answers: items, leases, labels, agreement, import and export.

`Queue` is all that an application needs. Its calls are synchronous, short and may come from any thread; several
processes may serve the same store. Whatever a call has written when it returns survives the death of the process.

What holds, whatever the clients do:

- An item is held by no more reviewers at once than it still wants labels, and by a reviewer never twice. Calling `next`
  again without `holding` gives the item that the reviewer already holds, with a new expiry: a reload loses nothing.
- A label needs a lease that is the reviewer's own, not ended and not expired (`LeaseError`, `LeaseEndedError`,
  `LeaseExpiredError`), and a value of the item's form (`LabelError`). Nothing is written when one is raised.
- A label that is changed counts until the new one is in. Practice is no part of the queue, and leaves nothing in it.
- `key` is made by the client, once for each press (such as `crypto.randomUUID()`). The same key again gives the first
  answer with `repeated=True`; for something else it is a `RepeatedKeyError`.
- A `View` holds no version, run, judge score, drawing or label of somebody else. Which side an answer of a pair is on
  is random for each reviewer and stored with the lease; a preference is "left", "tie", "right" or "bad", as
  it was seen.
- Every error is a `ReviewError` of `harness.errors`, with a message that can be shown.
"""

from harness.review.queue import LEASE_S, Queue, UndoResult, View
from harness.store.review.turns import RecordedLabel

__all__ = ["LEASE_S", "Queue", "RecordedLabel", "UndoResult", "View"]
