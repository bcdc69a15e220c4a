"""The hooks by which plugins are told of a gate."""
