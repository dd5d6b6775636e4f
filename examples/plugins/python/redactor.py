"""Hides confidential data, such as card numbers and query strings, and tags each span with its service."""

import json
from dataclasses import dataclass, field

from wit_world import exports
from wit_world.exports.describe import Concurrency, Description
from wit_world.imports.batches import Batch
from wit_world.imports.spans import SpanBatch, Value_Text
from wit_world.imports.types import Signal


@dataclass
class Config:
    keys: list[str] = field(default_factory=list)
    query_keys: list[str] = field(default_factory=lambda: ["url.full", "http.url"])
    tag: str | None = None


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "keys": {"type": "array", "items": {"type": "string"}, "description": "Attributes to replace by ***"},
        "query_keys": {"type": "array", "items": {"type": "string"}, "description": "Attributes to cut at the ?"},
        "tag": {"type": "string", "description": "Attribute that takes the service's name"},
    },
}


class Processing(exports.Processing):
    config = Config()

    def configure(self, config: str) -> None:
        Processing.config = Config(**json.loads(config))

    def process(self, batch: Batch) -> list[Batch]:
        redact(batch.value, self.config)
        return [batch]


def redact(spans: SpanBatch, config: Config) -> None:
    for key in config.keys:
        spans.replace_all(key, Value_Text("***"))
    for key in config.query_keys:
        spans.set_texts(key, [without_query(url) for url in spans.texts(key)])
    if config.tag:
        services = spans.resource_texts("service.name")
        spans.set_texts(config.tag, [services[resource] for resource in spans.resources_of_spans()])


def without_query(url: str | None) -> str | None:
    """Returns None if there is nothing to hide, so that the span stays as it is."""
    return url.split("?")[0] + "?***" if url and "?" in url else None


class Describe(exports.Describe):
    def describe(self) -> Description:
        return Description(
            name="redactor",
            version="1.0.0",
            summary="Hides attributes and query strings, and tags spans with their service",
            config_schema=json.dumps(SCHEMA),
            signals=[Signal.TRACES],
            concurrency=Concurrency.STATELESS,
            grants=[],
        )
