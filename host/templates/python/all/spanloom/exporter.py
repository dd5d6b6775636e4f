"""Exporters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .config import Settings
from .plugin import configuring, describing, failing

try:
    from wit_world.exports.exporting import ExportError_Whole
except ImportError:  # In tests, or in a plugin of another role.

    @dataclass
    class ExportError_Whole:
        value: Any


def exporter(
    *,
    config: type,
    spans: Callable[[Any, Any], Any] | None = None,
    metrics: Callable[[Any, Any], Any] | None = None,
    logs: Callable[[Any, Any], Any] | None = None,
    **description: Any,
) -> tuple[type, type]:
    """Makes the exports of an exporter: `Exporting, Describe = exporter(…)`.

    `spans(spans, config)` sends a batch of spans; `metrics` and `logs` are for batches of these signals. It raises `Retryable` or
    `Permanent` if the batch could not be sent.
    """
    handlers = {"Batch_Spans": spans, "Batch_Metrics": metrics, "Batch_Logs": logs}
    signals = {"traces": spans, "metrics": metrics, "logs": logs}
    settings = Settings(config)

    class Exporting:
        configure = configuring(settings)

        def export_batch(self, batch: Any) -> None:
            handler = handlers[type(batch).__name__]
            with failing(ExportError_Whole):
                handler(batch.value, settings.config)  # type: ignore[misc]

    return Exporting, describing(settings, [name for name, handler in signals.items() if handler], **description)
