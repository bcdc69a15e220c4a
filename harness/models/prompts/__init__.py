"""The texts of a version's prompt, as the settings have them or from files."""
