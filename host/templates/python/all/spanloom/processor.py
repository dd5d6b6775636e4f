"""Processors."""

from collections.abc import Callable
from typing import Any

from .config import Settings
from .plugin import configuring, describing, failing


def processor(
    *,
    config: type,
    spans: Callable[[Any, Any], Any] | None = None,
    metrics: Callable[[Any, Any], Any] | None = None,
    logs: Callable[[Any, Any], Any] | None = None,
    **description: Any,
) -> tuple[type, type]:
    """Makes the exports of a processor: `Processing, Describe = processor(…)`.

    `spans(spans, config)` is called with each batch of spans and edits it in place; `metrics` and `logs` are for batches of these
    signals. What is returned is left alone: the batch goes on.
    """
    handlers = {"Batch_Spans": spans, "Batch_Metrics": metrics, "Batch_Logs": logs}
    signals = {"traces": spans, "metrics": metrics, "logs": logs}
    settings = Settings(config)

    class Processing:
        configure = configuring(settings)

        def process(self, batch: Any) -> list[Any]:
            handler = handlers[type(batch).__name__]
            with failing():
                handler(batch.value, settings.config)  # type: ignore[misc]
            return [batch]

    return Processing, describing(settings, [name for name, handler in signals.items() if handler], **description)
