"""A thin layer over Spanloom's interface (wit/deps/spanloom): from functions to the exports of a plugin."""

from .config import ConfigError, option
from .failures import Permanent, Retryable

__all__ = ["ConfigError", "Permanent", "Retryable", "option"]
