"""Keeps every trace that failed or was slow, and a share of the others, chosen by trace id."""

import json
from dataclasses import dataclass

from wit_world import exports
from wit_world.exports.describe import Concurrency, Description
from wit_world.exports.sampling import Decision, Decision_Drop, Decision_Keep
from wit_world.imports.traces import TraceBatch
from wit_world.imports.types import Signal


@dataclass
class Config:
    slow_ms: float = 500
    share: float = 0.05


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "slow_ms": {"type": "number", "minimum": 0, "description": "Traces that took longer are kept"},
        "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "The share of the others to keep"},
    },
}


class Sampling(exports.Sampling):
    config = Config()

    def configure(self, config: str) -> None:
        Sampling.config = Config(**json.loads(config))

    def sample(self, traces: TraceBatch) -> list[Decision]:
        ids = traces.ids()
        ids = [ids[start : start + 16] for start in range(0, len(ids), 16)]
        return [self.decide(*trace) for trace in zip(ids, traces.errors(), traces.durations_nano())]

    def decide(self, trace_id: bytes, error: bool, duration_nano: int) -> Decision:
        if error or duration_nano > self.config.slow_ms * 1e6:
            return Decision_Keep(1.0)
        # As in OpenTelemetry's consistent sampling, the last 56 bits of a trace id are random, and a sampler with a
        # smaller share keeps a part of these traces.
        if int.from_bytes(trace_id[9:]) >= (1 - self.config.share) * 2**56:
            return Decision_Keep(self.config.share)
        return Decision_Drop()


class Describe(exports.Describe):
    def describe(self) -> Description:
        return Description(
            name="keep-errors",
            version="1.0.0",
            summary="Keeps traces with an error, slow ones, and a share of the rest",
            config_schema=json.dumps(SCHEMA),
            signals=[Signal.TRACES],
            concurrency=Concurrency.STATELESS,
            grants=[],
        )
