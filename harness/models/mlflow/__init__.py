"""MLflow in a process of its own, and the models of its registry."""
