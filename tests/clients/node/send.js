'use strict'
// Sends what an application would, with the OpenTelemetry SDK: node send.js grpc|http/protobuf|http/json ENDPOINT
const { SpanKind, SpanStatusCode, TraceFlags, context, trace, diag, DiagLogLevel } = require('@opentelemetry/api')
const { resourceFromAttributes } = require('@opentelemetry/resources')
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base')

const [protocol, endpoint] = process.argv.slice(2)
const START = [1700000000, 123456789]

const exporters = {
  grpc: () => new (require('@opentelemetry/exporter-trace-otlp-grpc').OTLPTraceExporter)({ url: endpoint }),
  'http/protobuf': () => new (require('@opentelemetry/exporter-trace-otlp-proto').OTLPTraceExporter)({ url: `${endpoint}/v1/traces` }),
  'http/json': () => new (require('@opentelemetry/exporter-trace-otlp-http').OTLPTraceExporter)({ url: `${endpoint}/v1/traces` }),
}

// Ids and times are fixed, so that two runs over two protocols send the same spans.
function fixedIds () {
  let spans = 0
  return {
    generateTraceId: () => '5b8efff798038103d269b633813fc60c',
    generateSpanId: () => `eee19b7ec3c1b1${(0x70 + spans++).toString(16)}`,
  }
}

function at (milliseconds) {
  return [START[0], START[1] + milliseconds * 1e6]
}

function sendSpans (tracer) {
  const elsewhere = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: TraceFlags.SAMPLED }
  const server = tracer.startSpan('POST /checkout', {
    kind: SpanKind.SERVER,
    startTime: at(0),
    links: [{ context: elsewhere, attributes: { why: 'retry' } }],
    attributes: {
      'http.request.method': 'POST',
      'cart.items': ['thread', 'needle'],
      'cart.total': 12.5,
      'cart.count': 2,
      'cart.weight_ug': 9007199254740991,
      'cart.gift': true,
      'customer.name': 'Zoë Ångström 🧵 "\\\n\u0001',
      'empty': '',
    },
  })
  const inside = trace.setSpan(context.active(), server)
  server.addEvent('cart.validated', { rules: 3 }, at(1))
  const charge = tracer.startSpan('charge card', { kind: SpanKind.CLIENT, startTime: at(2) }, inside)
  charge.recordException({ name: 'ValueError', message: 'card declined: größer als 100 €', stack: 'at charge\nat checkout' }, at(3))
  charge.setStatus({ code: SpanStatusCode.ERROR, message: 'declined' })
  charge.end(at(4))
  tracer.startSpan('send receipt', { kind: SpanKind.PRODUCER, startTime: at(5) }, inside).end(at(6))
  server.end(at(7))
}

async function main () {
  // The SDK reports a failed export to its diagnostics, and goes on; here it is the end.
  const failures = []
  const ignore = () => {}
  diag.setLogger({ error: (...said) => failures.push(said.join(' ')), warn: ignore, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.ERROR)
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'node-shop', 'deployment.environment.name': 'test' }),
    idGenerator: fixedIds(),
    spanProcessors: [new BatchSpanProcessor(exporters[protocol]())],
  })
  sendSpans(provider.getTracer('shop.checkout', '1.2.3'))
  await provider.forceFlush()
  await provider.shutdown()
  if (failures.length > 0) throw new Error(failures.join('\n'))
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
