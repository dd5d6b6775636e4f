"""What a plugin's tests need: batches made of OTLP in JSON, without a host. They have the methods of the interface's batches."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Batch_Spans:
    """A batch as `process` and `export_batch` take it."""

    value: Any


def spans_of(request: dict[str, Any]) -> "Spans":
    """Makes a batch of the spans of a request in OTLP/JSON."""
    rows, resources = [], []
    for number, part in enumerate(request["resourceSpans"]):
        resources.append(attributes_of(part.get("resource", {})))
        for scope in part["scopeSpans"]:
            rows.extend({**span, "resource": number, "attributes": attributes_of(span)} for span in scope["spans"])
    return Spans(rows, resources)


def traces_of(request: dict[str, Any]) -> "Traces":
    """Makes the traces of a request in OTLP/JSON."""
    return Traces(spans_of(request))


def attributes_of(holder: dict[str, Any]) -> dict[str, Any]:
    return {attribute["key"]: value_of(attribute["value"]) for attribute in holder.get("attributes", [])}


def value_of(value: dict[str, Any]) -> Any:
    if "intValue" in value:
        return int(value["intValue"])
    return next(iter(value.values()), None)


def text_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def number_of(value: Any) -> float | None:
    return float(value) if isinstance(value, (bool, int, float)) else None


class Spans:
    def __init__(self, rows: list[dict[str, Any]], resources: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.resources = resources

    def len(self) -> int:
        return len(self.rows)

    def span(self, row: int) -> "Span":
        return Span(self.rows[row])

    def durations_nano(self) -> list[int]:
        return [int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) for span in self.rows]

    def status_codes(self) -> bytes:
        return bytes(span.get("status", {}).get("code", 0) for span in self.rows)

    def kinds(self) -> bytes:
        return bytes(span.get("kind", 0) for span in self.rows)

    def trace_ids(self) -> bytes:
        return b"".join(bytes.fromhex(span["traceId"]) for span in self.rows)

    def texts(self, key: str) -> list[str | None]:
        return [text_of(span["attributes"].get(key)) for span in self.rows]

    def numbers(self, key: str) -> list[float | None]:
        return [number_of(span["attributes"].get(key)) for span in self.rows]

    def resource_count(self) -> int:
        return len(self.resources)

    def resources_of_spans(self) -> list[int]:
        return [span["resource"] for span in self.rows]

    def resource_texts(self, key: str) -> list[str | None]:
        return [text_of(resource.get(key)) for resource in self.resources]

    def set_texts(self, key: str, values: list[str | None]) -> None:
        if len(values) != len(self.rows):
            raise ValueError("wrong length")
        for span, value in zip(self.rows, values):
            if value is not None:
                span["attributes"][key] = value

    def replace_all(self, key: str, value: Any) -> None:
        for span in self.rows:
            if key in span["attributes"]:
                span["attributes"][key] = getattr(value, "value", value)

    def remove_all(self, key: str) -> None:
        for span in self.rows:
            span["attributes"].pop(key, None)

    def retain(self, keep: list[bool]) -> None:
        if len(keep) != len(self.rows):
            raise ValueError("wrong length")
        self.rows = [span for span, kept in zip(self.rows, keep) if kept]


class Span:
    """One span, as far as tests tend to look at it."""

    def __init__(self, span: dict[str, Any]) -> None:
        self.name: str = span["name"]
        self.trace_id = bytes.fromhex(span["traceId"])
        self.span_id = bytes.fromhex(span["spanId"])
        self.start_time_unix_nano = int(span["startTimeUnixNano"])
        self.end_time_unix_nano = int(span["endTimeUnixNano"])


class Traces:
    def __init__(self, spans: Spans) -> None:
        self.resources = spans.resources
        self.groups: dict[str, list[dict[str, Any]]] = {}
        for span in spans.rows:
            self.groups.setdefault(span["traceId"], []).append(span)

    def len(self) -> int:
        return len(self.groups)

    def ids(self) -> bytes:
        return b"".join(bytes.fromhex(trace) for trace in self.groups)

    def span_counts(self) -> list[int]:
        return [len(spans) for spans in self.groups.values()]

    def errors(self) -> list[bool]:
        return [any(span.get("status", {}).get("code") == 2 for span in spans) for spans in self.groups.values()]

    def durations_nano(self) -> list[int]:
        def duration(spans: list[dict[str, Any]]) -> int:
            starts = [int(span["startTimeUnixNano"]) for span in spans]
            return max(int(span["endTimeUnixNano"]) for span in spans) - min(starts)

        return [duration(spans) for spans in self.groups.values()]

    def texts(self, key: str) -> list[str | None]:
        return [self.first(text_of(span["attributes"].get(key)) for span in spans) for spans in self.groups.values()]

    def numbers(self, key: str) -> list[float | None]:
        return [self.first(number_of(span["attributes"].get(key)) for span in spans) for spans in self.groups.values()]

    def resource_texts(self, key: str) -> list[str | None]:
        def texts(spans: list[dict[str, Any]]) -> Any:
            return (text_of(self.resources[span["resource"]].get(key)) for span in spans)

        return [self.first(texts(spans)) for spans in self.groups.values()]

    @staticmethod
    def first(values: Any) -> Any:
        return next((value for value in values if value is not None), None)
