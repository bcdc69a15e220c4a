"""Remove what nobody needs, and nothing that something rests on."""
