"""What the host does for a plugin: its log, and requests. It adds credentials, and allows only the origins that the config grants."""

from .failures import Permanent, Retryable
from .interface import Err

try:
    from wit_world.imports import http, log

    LEVELS = log.Level
except ImportError:  # In tests.
    http = log = None


def info(message: str) -> None:
    """Writes a line to Spanloom's log, or prints it in tests."""
    log.log(LEVELS.INFO, message) if log else print(message)


def warn(message: str) -> None:
    """Writes a warning to Spanloom's log, or prints it in tests."""
    log.log(LEVELS.WARN, message) if log else print(message)


def post(url: str, content_type: str, body: str) -> None:
    """Posts a text. Raises a failure for Spanloom unless the answer is a success. `grants.http` has to list the origin."""
    if http is None:
        raise NotImplementedError("there is no host in tests")
    try:
        headers = [http.Header("content-type", content_type)]
        status = http.send(http.Request("POST", url, headers, body.encode(), None)).status
    except Err as error:
        is_passing = isinstance(error.value, (http.HttpError_Timeout, http.HttpError_Unreachable))
        raise (Retryable if is_passing else Permanent)(f"{url}: {error.value}") from None
    if status == 429 or status >= 500:
        raise Retryable(f"{url} answered {status}")
    if status >= 300:
        raise Permanent(f"{url} answered {status}")
