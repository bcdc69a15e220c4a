"""What a release of a language model is made from, stage by stage, as fixtures under test."""
