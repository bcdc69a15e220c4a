"""A step of this project's own, for the corpora of pyproject.toml."""

OPEN = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0", "MIT")


def is_open(document, *, licences=OPEN):
    """Removes documents whose licence is not known to allow training on them."""
    return document.metadata.get("licence") in licences
