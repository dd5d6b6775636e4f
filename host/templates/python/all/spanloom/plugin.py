"""What the roles have in common: the config, the description, and failures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import interface
from .config import ConfigError, Settings
from .failures import Permanent, Retryable


def configuring(settings: Settings[Any]) -> Callable[[Any, str], None]:
    def configure(self: Any, config: str) -> None:
        try:
            settings.configure(config)
        except ConfigError as error:
            raise interface.Err(interface.ConfigError(error.path, str(error))) from None

    return configure


def describing(
    settings: Settings[Any],
    signals: list[str],
    *,
    name: str,
    version: str,
    summary: str,
    concurrency: str = "stateless",
    grants: tuple[str, ...] = (),
) -> type:
    """Makes the export `describe`. `concurrency` is `stateless`, `by_trace` or `single`; grants are `http` and `store`."""

    class Describe:
        def describe(self) -> interface.Description:
            return interface.Description(
                name=name,
                version=version,
                summary=summary,
                config_schema=settings.schema(),
                signals=[interface.Signal[signal.upper()] for signal in signals],
                concurrency=interface.Concurrency[concurrency.upper()],
                grants=[interface.Grant[grant.upper()] for grant in grants],
            )

    return Describe


def failure(error: Retryable | Permanent) -> Any:
    if isinstance(error, Retryable):
        return interface.Failure_Retryable(interface.Retryable(str(error), error.after_ms))
    return interface.Failure_Permanent(str(error))


@contextmanager
def failing(wrap: Callable[[Any], Any] = lambda failure: failure) -> Iterator[None]:
    """Turns the layer's failures into those of the interface."""
    try:
        yield
    except (Retryable, Permanent) as error:
        raise interface.Err(wrap(failure(error))) from None
