"""The engine that answers from a table."""
