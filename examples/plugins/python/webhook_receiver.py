"""Takes events as JSON over HTTP, each as a log record: an object, or a list of objects."""

import json
import re
from dataclasses import dataclass

from otlp import any_value, attribute, fixed64, message
from wit_world import exports
from wit_world.exports.describe import Concurrency, Description
from wit_world.exports.receiving import (
    Answer,
    Header,
    Listener,
    Rejected,
    Reply,
    Reply_Rejected,
    Reply_Taken,
    Request,
    Route,
    Takes_Http,
    Taken,
)
from wit_world.imports import clock
from wit_world.imports.batches import Batch_Logs, LogsBatch
from wit_world.imports.types import Signal


@dataclass
class Config:
    service: str = "webhook"


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "service": {
            "type": "string",
            "minLength": 1,
            "description": "The resource attribute `service.name` of the records",
        },
    },
}


class Receiving(exports.Receiving):
    config = Config()

    def listens(self) -> list[Listener]:
        routes = [Route("POST", "/events"), Route("POST", "/events/*")]
        return [Listener(name="", endpoint="localhost:8088", takes=Takes_Http(routes))]

    def emits(self) -> list[Signal]:
        return [Signal.LOGS]

    def configure(self, config: str) -> None:
        Receiving.config = Config(**json.loads(config))

    def receive(self, requests: list[Request]) -> list[Reply]:
        return [self.reply(request.body) for request in requests]

    def reply(self, body: bytes) -> Reply:
        try:
            events = read(body)
        except ValueError:
            return rejected("not an object or a list of objects in JSON")
        now = clock.now_unix_nano()
        resource = message(1, attribute(1, "service.name", self.config.service))
        records = message(2, *(record(event, now) for event in events))
        logs = LogsBatch.from_otlp(message(1, resource, records))
        return Reply_Taken(Taken([Batch_Logs(logs)], Answer(202, [], b""), refused=None))


# The most arrays and objects inside one another. Some hundreds would exhaust the stack of `json.loads`.
DEPTH_LIMIT = 127
# A text, without which the brackets that are left are those of arrays and objects. Possessive, so that it takes no memory.
TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
BRACKET = re.compile(r"[\[{\]}]")


def read(body: bytes) -> list[dict]:
    """Returns the events in a body. Raises a `ValueError` if it holds something else."""
    text = body.decode()
    check_depth(text)
    value = json.loads(text, parse_int=number, parse_constant=not_json)
    events = value if isinstance(value, list) else [value]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("not a list of objects")
    return events


def check_depth(text: str) -> None:
    depth = 0
    for bracket in BRACKET.finditer(TEXT.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEPTH_LIMIT:
            raise ValueError("nested too deep")


def number(digits: str) -> int | float:
    """Returns an integer of 64 bits. A larger one becomes a double."""
    value = int(digits)
    return value if -(2**63) <= value < 2**63 else float(digits)


def not_json(constant: str) -> None:
    """Refuses NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(constant)


def record(event: dict, now: int) -> bytes:
    """Writes the field `message` as the body, and the others as attributes."""
    fields = [fixed64(1, now)]
    for key, value in event.items():
        if key == "message" and isinstance(value, str):
            fields.append(any_value(5, value))
        elif isinstance(value, str | bool | int | float):
            fields.append(attribute(6, key, value))
        else:
            fields.append(attribute(6, key, json.dumps(value, ensure_ascii=False, separators=(",", ":"))))
    return message(2, *fields)


def rejected(reason: str) -> Reply:
    headers = [Header("content-type", "text/plain; charset=utf-8")]
    return Reply_Rejected(Rejected(Answer(400, headers, f"{reason}\n".encode()), reason))


class Describe(exports.Describe):
    def describe(self) -> Description:
        return Description(
            name="webhook-receiver",
            version="1.0.0",
            summary="Takes events as JSON over HTTP, each as a log record",
            config_schema=json.dumps(SCHEMA),
            signals=[Signal.LOGS],
            concurrency=Concurrency.STATELESS,
            grants=[],
        )
