"""Which answers people are shown, and what a batch comes to."""
