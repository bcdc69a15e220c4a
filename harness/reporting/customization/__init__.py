"""Reports on versions that were customised."""
