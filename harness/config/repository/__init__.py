"""The repository that a project lies in: its commits, its settings at a commit, and the CI job that runs on one."""
