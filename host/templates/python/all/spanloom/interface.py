"""The types of the interface that the layer needs.

In a component they are generated from `wit/`. In tests there is no component, and stand-ins of the same names do.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

try:
    from componentize_py_types import Err
    from wit_world.exports.describe import Concurrency, Description, Grant
    from wit_world.imports.types import ConfigError, Failure_Permanent, Failure_Retryable, Retryable, Signal
except ImportError:
    Concurrency = Enum("Concurrency", ["STATELESS", "BY_TRACE", "SINGLE"])
    Grant = Enum("Grant", ["HTTP", "STORE"])
    Signal = Enum("Signal", ["TRACES", "METRICS", "LOGS"])

    @dataclass
    class Description:
        name: str
        version: str
        summary: str
        config_schema: str | None
        signals: list[Any]
        concurrency: Any
        grants: list[Any]

    @dataclass
    class Retryable:
        message: str
        after_ms: int | None

    @dataclass
    class Failure_Retryable:
        value: Retryable

    @dataclass
    class Failure_Permanent:
        value: str

    @dataclass
    class ConfigError:
        path: str
        message: str

    @dataclass
    class Err(Exception):
        value: Any


__all__ = [
    "Concurrency",
    "ConfigError",
    "Description",
    "Err",
    "Failure_Permanent",
    "Failure_Retryable",
    "Grant",
    "Retryable",
    "Signal",
]
