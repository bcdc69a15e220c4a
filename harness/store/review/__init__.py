"""The review queue in the store: batches, items, leases, labels and reviewers."""
