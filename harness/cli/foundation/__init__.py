"""Commands that tell what a version is made of."""
