"""What is told of versions that were customised."""
