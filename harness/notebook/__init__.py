"""Functions for scripts and notebooks, which weigh scores and load stored runs as data frames."""
