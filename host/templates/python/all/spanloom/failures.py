"""What a plugin raises if it could not do a batch."""


class Retryable(Exception):
    """The same batch may succeed later. Spanloom waits `after_ms` at the least."""

    def __init__(self, message: str, after_ms: int | None = None) -> None:
        super().__init__(message)
        self.after_ms = after_ms


class Permanent(Exception):
    """The same batch would fail again."""
