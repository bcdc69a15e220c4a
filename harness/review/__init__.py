"""The queue in which people judge answers: items, leases, labels, agreement, import and export.

`Queue` is all that an application needs. Its calls are synchronous, short and may come from any thread; several
processes may serve the same store. Whatever a call has written when it returns survives the death of the process.

::

    queue = Queue(store)                        # a Store that is open for writing; lease_s=600 by default

    token = queue.add_reviewer("ann", "annotator")        # shown once: the store keeps its hash alone
    reviewer = queue.sign_in(token)                        # Reviewer(name, role, …), or None
    queue.reviewers(); queue.disable("ann"); queue.new_token("ann")

    view = queue.next("ann")                               # View, or None: nothing is left for this reviewer
    ahead = queue.next("ann", holding=[view.lease_id])     # a second lease: the prefetched item
    done = queue.label("ann", view.lease_id, 4, key="…")   # RecordedLabel
    queue.skip("ann", ahead.lease_id, key="…", note="")
    queue.flag("ann", ahead.lease_id, key="…", note="the answer is cut")
    queue.undo("ann", key="…")                             # UndoResult: the item again, if it is still free
    queue.renew("ann", view.lease_id)                      # more time; also for an expired lease whose item is free

    view = queue.next("eve", task="adjudicate")            # disputed and flagged items; for adjudicators
    queue.adjudicate("eve", view.lease_id, 2, key="…")     # this label counts
    queue.exclude("eve", view.lease_id, "the passage is missing", key="…")   # for its version, it counts as the worst

    queue.batches(); queue.close(batch_id, "decided"); queue.reopen(batch_id)
    queue.progress(); queue.progress(batch_id)             # list[BatchProgress]: labels in and left, by state
    queue.origins()                                        # dict[batch id, BatchOrigin]: when, from which run
    queue.agreement(batch_id)                              # AgreementReport: among people, judge against people
    queue.settled(item_id); queue.excluded(batch_id)       # Item, once it is settled; list[ExcludedItem]

What holds, whatever the clients do:

- An item is held by no more reviewers at once than it still wants labels, and by a reviewer never twice. Calling `next`
  again without `holding` gives the item that the reviewer already holds, with a new expiry: a reload loses nothing.
- A label needs a lease that is the reviewer's own, not ended and not expired (`LeaseError`, `LeaseEndedError`,
  `LeaseExpiredError`), and a value of the item's form (`LabelError`). Nothing is written when one is raised.
- `key` is made by the client, once for each press (such as `crypto.randomUUID()`). The same key again gives the first
  answer with `repeated=True`; for something else it is a `RepeatedKeyError`.
- A `View` holds no version, run, judge score, drawing or label of somebody else. Which side an answer of a pair is on
  is random for each reviewer and stored with the lease; a preference is "left", "tie" or "right", as it was seen.
- Every error is a `ReviewError` of `harness.errors`, with a message that can be shown.
"""

from harness.review.queue import LEASE_S, Queue
from harness.review.views import UndoResult, View
from harness.store.review.turns import RecordedLabel

__all__ = ["LEASE_S", "Queue", "RecordedLabel", "UndoResult", "View"]
