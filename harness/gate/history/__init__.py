"""Stored runs: found, read again, and weighed against each other."""
