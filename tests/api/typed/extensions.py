"""What the examples of the docs bring, held to the types of what extends Steelyard. It is checked and never run."""

from pathlib import Path

from steelyard_opentelemetry import OPENTELEMETRY
from steelyard_parrot import PARROT, ParrotEngine, create

from harness.extension import Engine, EngineSpec, Tracker, VersionSettings

engine: Engine = ParrotEngine("parrot (loud)", {"voice": "loud"})
made: Engine = create(VersionSettings("loud", "parrot"), Path())
spec: EngineSpec = PARROT
tracker: Tracker = OPENTELEMETRY
