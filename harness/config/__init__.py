"""The only reader of settings files and of the environment."""

from harness.config.artifacts import BUILD_FORMAT
from harness.config.environment import cache_dir, child_environment, secret
from harness.config.settings import Settings, find_settings, load_settings
from harness.config.versions import VersionSettings

__all__ = [
    "BUILD_FORMAT",
    "Settings",
    "VersionSettings",
    "cache_dir",
    "child_environment",
    "find_settings",
    "load_settings",
    "secret",
]
