"""Child processes that answer over pipes."""
