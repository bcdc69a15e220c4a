"""Parts of an evaluation's cases, each weighed by itself."""
