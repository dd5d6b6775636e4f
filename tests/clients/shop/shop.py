"""One service of a shop: `shop.py NAME PORT [URL OF THE NEXT SERVICE]`.

A Flask application as people write it: instrumented by OpenTelemetry's packages, trace ids that X-Ray takes. Where to
send is in the environment (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL).
"""

import sys
import time

import requests
from flask import Flask, abort
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.sdk.extension.aws.trace import AwsXRayIdGenerator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

name, port = sys.argv[1], int(sys.argv[2])
following = sys.argv[3] if len(sys.argv) > 3 else None

resource = Resource.create({"service.name": name, "service.namespace": "shop", "service.instance.id": f"{name}-1"})
tracing = TracerProvider(resource=resource, id_generator=AwsXRayIdGenerator())
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=200))
trace.set_tracer_provider(tracing)
measuring = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter(insecure=True), export_interval_millis=500)],
)
metrics.set_meter_provider(measuring)
set_global_textmap(AwsXRayPropagator())

orders = metrics.get_meter("shop").create_counter("shop.orders", unit="{order}", description="Orders by outcome.")
weight = metrics.get_meter("shop").create_histogram("shop.weight", unit="g", description="What an order weighs.")

app = Flask(name)
FlaskInstrumentor().instrument_app(app)
RequestsInstrumentor().instrument()


@app.get("/<step>/<item>")
def handle(step, item):
    if item == "ready":
        return "ready"
    time.sleep(0.005)
    if following:
        answer = requests.get(f"{following}/{item}", timeout=10)
        outcome = "ok" if answer.ok else "failed"
    else:
        outcome = "failed" if item == "broken" else "ok"
        if outcome == "failed":
            with trace.get_tracer("shop").start_as_current_span("weigh"):
                raise ValueError("it has no weight")
    orders.add(1, {"outcome": outcome})
    weight.record(2.5, {"item": item})
    if outcome == "failed":
        abort(502)
    return outcome


app.run(host="127.0.0.1", port=port)
