"""Commands that put a served version to the test."""
