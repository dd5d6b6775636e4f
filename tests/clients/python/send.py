"""Sends what an application would, with the OpenTelemetry SDK: python send.py grpc|http ENDPOINT [traces|metrics|logs]…

python send.py environment: spans to where the OTEL_… variables say, as of an application that was not changed.
"""

import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

RESOURCE = Resource.create({"service.name": "python-shop", "deployment.environment.name": "test"})


def exporters(protocol, endpoint):
    """One exporter a signal; over HTTP with gzip, which every OTLP server must accept."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        settings = {"endpoint": endpoint, "insecure": True}
        return {
            "traces": lambda: OTLPSpanExporter(**settings),
            "metrics": lambda: OTLPMetricExporter(**settings),
            "logs": lambda: OTLPLogExporter(**settings),
        }
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    def to(path):
        return {"endpoint": f"{endpoint}/v1/{path}", "compression": Compression.Gzip}

    return {
        "traces": lambda: OTLPSpanExporter(**to("traces")),
        "metrics": lambda: OTLPMetricExporter(**to("metrics")),
        "logs": lambda: OTLPLogExporter(**to("logs")),
    }


def send_traces(exporter):
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    send_spans(provider)


def send_as_configured():
    """The SDK reads the environment, as `opentelemetry-instrument` has it do."""
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator

    _OTelSDKConfigurator().configure()
    send_spans(trace.get_tracer_provider())


def send_spans(provider):
    tracer = provider.get_tracer("shop.checkout", "1.2.3")
    elsewhere = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True, TraceFlags(1))
    with tracer.start_as_current_span("POST /checkout", kind=SpanKind.SERVER, links=[Link(elsewhere, {"why": "retry"})]) as server:
        server.set_attribute("http.request.method", "POST")
        server.set_attribute("cart.items", ["thread", "needle"])
        server.set_attribute("cart.total", 12.5)
        server.set_attribute("cart.count", 2)
        server.set_attribute("cart.gift", True)
        server.set_attribute("customer.name", "Zoë Ångström 🧵")
        server.add_event("cart.validated", {"rules": 3})
        try:
            with tracer.start_as_current_span("charge card", kind=SpanKind.CLIENT):
                raise ValueError("card declined: größer als 100 €")
        except ValueError:
            pass
        with tracer.start_as_current_span("send receipt", kind=SpanKind.PRODUCER):
            pass
    if not provider.force_flush():
        raise SystemExit("the spans were not flushed")
    provider.shutdown()


def send_metrics(exporter):
    provider = MeterProvider(resource=RESOURCE, metric_readers=[PeriodicExportingMetricReader(exporter)])
    meter = provider.get_meter("shop.checkout", "1.2.3")
    meter.create_counter("orders", "{order}", "Orders taken").add(3, {"payment": "card"})
    meter.create_histogram("order.value", "EUR", "What was paid").record(12.5)
    # Exports what was recorded, once.
    provider.shutdown()


def send_logs(exporter):
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = logging.getLogger("shop")
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.warning("card declined for %s", "Zoë Ångström 🧵")
    if not provider.force_flush():
        raise SystemExit("the log records were not flushed")
    provider.shutdown()


def main(protocol, endpoint=None, *signals):
    # The SDK reports a failed export as a log record of its own, and goes on; here it is the end.
    failures = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: failures.append(record.getMessage())
    logging.getLogger("opentelemetry").addHandler(handler)
    if protocol == "environment":
        send_as_configured()
    else:
        send = {"traces": send_traces, "metrics": send_metrics, "logs": send_logs}
        made = exporters(protocol, endpoint)
        for signal in signals or send:
            send[signal](made[signal]())
    if failures:
        raise SystemExit("\n".join(failures))


main(*sys.argv[1:])
