"""A server under load, as a person reads of it."""
