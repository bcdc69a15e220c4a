"""A version as it is served, and the load that is put on it."""
