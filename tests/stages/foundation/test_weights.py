"""The fixture `weights`."""
