"""Commands of the stage data."""
