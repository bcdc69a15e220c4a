"""The texts of a version's prompt: as the settings have them, from files, and from MLflow's prompt registry."""
