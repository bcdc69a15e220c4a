"""What plugins are told of a gate."""
