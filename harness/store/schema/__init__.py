"""The tables of a store, and its rows."""
