"""Reads what Steelyard takes from the environment."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import importlib.metadata
import os
import re
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from harness.config.addresses import absolute
from harness.errors import SettingsError, nearest, shortened

COMMIT = "GIT_SHA"
"""The variable that is the repository's commit where it is not set, or empty."""
SEAL_KEY = "STEELYARD_SEAL_KEY"
"""The variable that holds the key to what is sealed. Only a salted hash of it is ever written down."""
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
_PLACE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def cache_dir() -> Path:
    """The folder for what is built: STEELYARD_CACHE, else `steelyard` in the user's cache folder."""
    explicit = os.environ.get("STEELYARD_CACHE")
    if explicit:
        return Path(explicit).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "steelyard"


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with changes, for a process that Steelyard starts."""
    return {**os.environ, **changes}


def python_path(first: Sequence[str]) -> str:
    """A value of PYTHONPATH that has these folders before its own."""
    return os.pathsep.join([*first, *filter(None, [os.environ.get("PYTHONPATH")])])


def ask_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, without its hooks, and the variables by which one points to another repository."""
    return subprocess.run(
        ["git", "-c", "core.quotePath=false", "-c", "core.hooksPath=/dev/null", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in _OF_HOOKS},
        capture_output=True,
        check=False,
    )


def free_threads() -> int:
    """Count the threads that a computation may take: OMP_NUM_THREADS, else the cores that this process may use."""
    return _declared_threads() or usable_cores()


def usable_cores() -> int:
    """Count the cores that this process may use; all of the machine where the system does not say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def first_gpu() -> str:
    """The value of CUDA_VISIBLE_DEVICES that shows the first GPU that this process may use, and no other."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]


def shared_threads() -> int:
    """Count the threads of a process that computes beside others: OMP_NUM_THREADS, else a quarter of the cores.

    Threads of several processes that share the cores wait for each other: beside other work on two cores, what an
    adapter does to a text took 22 s with two threads that spin, 3 to 6 s with two that sleep, 2 s with one.
    """
    return _declared_threads() or max(1, free_threads() // 4)


def _declared_threads() -> int:
    declared = os.environ.get("OMP_NUM_THREADS", "")
    return int(declared) if declared.isdigit() else 0


def colours_wanted() -> bool:
    """Tell whether a terminal may be written to in colour: NO_COLOR (no-color.org) is not set, or empty."""
    return not os.environ.get("NO_COLOR")


def secret(variable: str, *, wanted_by: str) -> str:
    """The value of an environment variable that holds a secret. Never stored, logged or shown."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise SettingsError(
            f"The environment variable {variable} is not set; {wanted_by} reads its API key from it (api_key_env). "
            f"Set it, or remove api_key_env for an endpoint without a key."
        )
    return value


def token(variable: str) -> str:
    """The value of an environment variable that holds a forge's token, never shown; "" where it is not set."""
    value = os.environ.get(variable, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise SettingsError(f"The environment variable {variable} holds characters that no token has; set it anew.")
    return value


def seal_of(key: str, salt: str = "") -> str:
    """The setting `seal` for a key: a salt and the hash of both (scrypt: C. Percival, S. Josefsson, 2016, RFC 7914)."""
    salt = salt or secrets.token_hex(8)
    digest = hashlib.scrypt(key.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16)
    return f"{salt}.{digest.hex()}"


@lru_cache(maxsize=64)
def _opens(key: str, seal: str) -> bool:
    return hmac.compare_digest(seal_of(key, seal.partition(".")[0]), seal)


def is_open(seal: str | None) -> bool:
    """Tell whether the environment holds the key to a seal; without a key nothing is open.

    Raises:
        SettingsError: the key is another, or there is no such seal (the message has the line to add).
    """
    key = os.environ.get(SEAL_KEY, "").strip()
    if key and "." not in (seal or ""):
        raise SettingsError(
            f"{SEAL_KEY} is set, and what it is to open was sealed without a key (seal = {seal!r}). For this key "
            f'write: seal = "{seal_of(key)}"'
        )
    if key and not _opens(key, seal or ""):
        raise SettingsError(f"The key in {SEAL_KEY} does not open this seal. Unset it to go on with verdicts alone.")
    return bool(key)


def quieten_deepeval() -> None:
    """Keep deepeval from sending telemetry, and from reading .env and .deepeval, unless the environment asks for it.

    To be called before deepeval is imported.
    """
    for name in ("DEEPEVAL_TELEMETRY_OPT_OUT", "DEEPEVAL_DISABLE_DOTENV", "DEEPEVAL_DISABLE_LEGACY_KEYFILE"):
        os.environ.setdefault(name, "1")


def model_registry(mlflow: str | None) -> str | None:
    """The address of MLflow's model registry: MLFLOW_REGISTRY_URI, else that of the settings, else
    MLFLOW_TRACKING_URI; None where none of them says.
    """
    named = os.environ.get("MLFLOW_REGISTRY_URI") or mlflow or os.environ.get("MLFLOW_TRACKING_URI")
    return absolute(named, Path.cwd()) if named else None


def user_name() -> str:
    """The name of who runs this, as the system knows it; "admin" where it knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no variable names one, and the user has no entry
        return "admin"


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the environment that settings name as `${NAME}` and `${NAME:-default}`; `$${` stands for `${`.

    Attributes:
        folder: of the settings file; `${GIT_SHA}` is the commit of its repository where the variable is not set, or
            empty.
        commit: is `${GIT_SHA}`, whatever the environment says, of settings as they were at a commit.
    """

    folder: Path
    commit: str | None = None

    def fill(self, value: Any, name: str, *, where: str) -> Any:
        """A setting with its variables filled in, also within tables and lists."""
        if isinstance(value, Mapping):
            return {key: self.fill(each, f"{name}.{key}", where=where) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each, name, where=where) for each in value]
        if not isinstance(value, str) or "${" not in value:
            return value
        return _PLACE.sub(partial(self._filled, f"{where}: {name}"), value)

    def _filled(self, where: str, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        named = _VARIABLE.fullmatch(match[1]) if match[2] else None
        if named is None:
            raise SettingsError(
                f"{where} holds {shortened(match[0])}, which is no variable of the environment; write ${{NAME}} or "
                "${NAME:-default}, and $${ for a text that has these signs."
            )
        name, default = named[1], named[2]
        value, remedy = os.environ.get(name), f"set it, or write ${{{name}:-default}}."
        unset = f"which is {'not set' if value is None else 'empty'}"
        if name == COMMIT:
            value, reason = (self.commit or value, "") if self.commit or value else self._head()
            unset = f"which is not set, or empty, and in {self.folder} git says: {reason}"
        elif value is None:
            remedy += nearest(name, sorted({*os.environ, COMMIT}))
        if value or default is not None:
            return value or str(default)
        raise SettingsError(f"{where} takes the environment variable {name}, {unset}; {remedy}")

    def _head(self) -> tuple[str, str]:
        """The repository's commit, or "" and what git says of it."""
        try:
            done = ask_git(self.folder, "rev-parse", "--verify", "--quiet", "HEAD")
        except OSError as error:
            return "", f"nothing, as it can't be run: {error.strerror}"
        message = " ".join(done.stderr.decode(errors="replace").split()) or "that there is no commit yet"
        return done.stdout.decode().strip() if done.returncode == 0 else "", message


NO_VARIABLES = Variables(Path())
"""For tables that name none."""
