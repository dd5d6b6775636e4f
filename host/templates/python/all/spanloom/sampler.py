"""Samplers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .config import Settings
from .plugin import configuring, describing, failing

try:
    from wit_world.exports.sampling import Decision_Drop, Decision_Keep, Decision_Undecided
except ImportError:  # In tests, or in a plugin of another role.

    @dataclass
    class Decision_Keep:
        value: float

    @dataclass
    class Decision_Drop:
        pass

    @dataclass
    class Decision_Undecided:
        pass


class Columns:
    """The columns of a batch of traces. Each is read from the host once, when it is asked for."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch
        self.columns: dict[tuple[str, str], list[Any]] = {}

    @cached_property
    def ids(self) -> bytes:
        return self.batch.ids()

    @cached_property
    def errors(self) -> list[bool]:
        return self.batch.errors()

    @cached_property
    def durations_nano(self) -> list[int]:
        return self.batch.durations_nano()

    @cached_property
    def span_counts(self) -> list[int]:
        return self.batch.span_counts()

    def of(self, method: str, key: str) -> list[Any]:
        if (method, key) not in self.columns:
            self.columns[method, key] = getattr(self.batch, method)(key)
        return self.columns[method, key]


class Trace:
    """A trace, as far as its spans have come."""

    def __init__(self, columns: Columns, row: int) -> None:
        self.columns = columns
        self.row = row

    @property
    def id(self) -> bytes:
        """16 bytes."""
        return self.columns.ids[16 * self.row : 16 * self.row + 16]

    @property
    def has_error(self) -> bool:
        """Whether any of its spans has the status error."""
        return self.columns.errors[self.row]

    @property
    def duration_ms(self) -> float:
        """From the first start to the last end."""
        return self.columns.durations_nano[self.row] / 1e6

    @property
    def span_count(self) -> int:
        return self.columns.span_counts[self.row]

    def text(self, key: str) -> str | None:
        """An attribute of its root span, else of the first span that has it."""
        return self.columns.of("texts", key)[self.row]

    def number(self, key: str) -> float | None:
        return self.columns.of("numbers", key)[self.row]

    def resource_text(self, key: str) -> str | None:
        """An attribute of its root's resource."""
        return self.columns.of("resource_texts", key)[self.row]

    def is_in_share(self, share: float) -> bool:
        """Returns whether the trace is in the share that is kept, in the way of OpenTelemetry's consistent sampling.

        The last 56 bits of its id are random, and a smaller share keeps a part of the traces of a larger one.
        """
        return int.from_bytes(self.id[9:]) >= (1 - share) * 2**56


def sampler(*, config: type, keep: Callable[[Trace, Any], bool | float | None], **description: Any) -> tuple[type, type]:
    """Makes the exports of a sampler: `Sampling, Describe = sampler(…)`.

    `keep(trace, config)` decides about one trace. It returns True to keep it, False to drop it, the share of such traces that are
    kept (above 0, up to 1) if this trace is one of them, or None if the decision needs more of the trace.
    """
    settings = Settings(config)

    class Sampling:
        configure = configuring(settings)

        def sample(self, traces: Any) -> list[Any]:
            columns = Columns(traces)
            with failing():
                return [decision(keep(Trace(columns, row), settings.config)) for row in range(traces.len())]

    return Sampling, describing(settings, ["traces"], **description)


def decision(kept: bool | float | None) -> Any:
    if kept is None:
        return Decision_Undecided()
    return Decision_Keep(float(kept)) if kept else Decision_Drop()
