"""Commands about what a version was customised with."""
