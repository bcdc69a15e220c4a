"""The part that people's labels play in a verdict."""
