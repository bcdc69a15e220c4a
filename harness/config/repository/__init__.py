"""The repository that a project lies in: its commits and files, its settings at a commit, and the CI job that runs."""
