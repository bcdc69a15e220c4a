"""The review queue in a browser: `create_app(store, WebOptions(...))`; `steelyard review serve` runs it.

It needs the extra `review`. Everything that a model or a person wrote is escaped on the server and shown as text; the
content security policy forbids every script and style that is not a file of this package. All that a reviewer says is
in the store when the response is there. `harness.review` says what the queue promises; here it is only carried.
"""

from harness.review.web import server
from harness.review.web.app import WebOptions, create_app

__all__ = ["WebOptions", "create_app", "server"]
