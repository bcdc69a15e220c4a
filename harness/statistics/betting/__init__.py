"""Evidence that may be looked at at any time."""
