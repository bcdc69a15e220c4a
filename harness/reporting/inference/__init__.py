"""What a server did under load, as a person reads it."""
