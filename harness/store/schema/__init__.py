"""The tables of a store, and what brings an older store up to date."""
