//! The code that `bindgen!` generates from `wit/0.2.0`. Nothing outside this room names the generated types.

wasmtime::component::bindgen!({
    path: "../wit/0.2.0",
    inline: r#"
        package spanloom:host;

        /// Everything a plugin may import, and everything it may export.
        world everything {
            include spanloom:plugin/imports@0.2.0;
            import spanloom:plugin/traces@0.2.0;
            export spanloom:plugin/processing@0.2.0;
            export spanloom:plugin/sampling@0.2.0;
            export spanloom:plugin/exporting@0.2.0;
            export spanloom:plugin/connecting@0.2.0;
            export spanloom:plugin/receiving@0.2.0;
            export spanloom:plugin/describe@0.2.0;
            export spanloom:plugin/timer@0.2.0;
            export spanloom:plugin/flush@0.2.0;
            export spanloom:plugin/handover@0.2.0;
            export spanloom:plugin/http-handler@0.2.0;
        }
    "#,
    world: "spanloom:host/everything",
    imports: {
        "spanloom:plugin/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "spanloom:plugin/spans.span-batch": crate::plugin::guest::custody::Spans,
        "spanloom:plugin/batches.metrics-batch": crate::plugin::guest::custody::Metrics,
        "spanloom:plugin/batches.logs-batch": crate::plugin::guest::custody::Logs,
        "spanloom:plugin/traces.trace-batch": crate::plugin::guest::traces::TraceBatch,
        "spanloom:plugin/metrics.counter": crate::plugin::guest::instruments::Counter,
        "spanloom:plugin/metrics.gauge": crate::plugin::guest::instruments::Gauge,
        "spanloom:plugin/metrics.histogram": crate::plugin::guest::instruments::Histogram,
    },
});

pub(super) use self::exports::spanloom::plugin as exported;
pub(super) use self::spanloom::plugin as imported;
