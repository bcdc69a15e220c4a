"""Building a corpus: shards, segments of steps, and the process that runs them."""
