"""Plans and measured error rates, as people read them and as JSON."""
