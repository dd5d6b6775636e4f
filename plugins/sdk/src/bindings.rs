//! The code that wit-bindgen generates from `wit/`: the imports of a plugin, and a module for each interface
//! that it may export.
//!
//! Each exported interface is a world of its own, so that a plugin exports only what it has. wit-component
//! joins the worlds that the plugin's macro names.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    rustdoc::all,
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: "wit",
    inline: "package spanloom:sdk;
        world all { include spanloom:plugin/imports@0.2.0; import spanloom:plugin/traces@0.2.0; }",
    world: "spanloom:sdk/all",
    additional_derives: [PartialEq],
    additional_derives_ignore: ["batch"],
    generate_all,
});

#[cfg(target_family = "wasm")]
pub mod exports {
    pub mod processor {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world processor { export spanloom:plugin/processing@0.2.0; }",
            world: "spanloom:sdk/processor",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/processing@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_processor",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod sampler {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world sampler { export spanloom:plugin/sampling@0.2.0; }",
            world: "spanloom:sdk/sampler",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/traces@0.2.0": crate::bindings::spanloom::plugin::traces,
                "spanloom:plugin/sampling@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_sampler",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod exporter {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world exporter { export spanloom:plugin/exporting@0.2.0; }",
            world: "spanloom:sdk/exporter",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/exporting@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_exporter",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod connector {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world connector { export spanloom:plugin/connecting@0.2.0; }",
            world: "spanloom:sdk/connector",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/connecting@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_connector",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod receiver {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world receiver { export spanloom:plugin/receiving@0.2.0; }",
            world: "spanloom:sdk/receiver",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/receiving@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_receiver",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod described {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world described { export spanloom:plugin/describe@0.2.0; }",
            world: "spanloom:sdk/described",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/describe@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_described",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod timed {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world timed { export spanloom:plugin/timer@0.2.0; }",
            world: "spanloom:sdk/timed",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/timer@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_timed",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod flushed {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world flushed { export spanloom:plugin/flush@0.2.0; }",
            world: "spanloom:sdk/flushed",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/flush@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_flushed",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod handed_over {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world handed-over { export spanloom:plugin/handover@0.2.0; }",
            world: "spanloom:sdk/handed-over",
            with: {
                "spanloom:plugin/types@0.2.0": crate::bindings::spanloom::plugin::types,
                "spanloom:plugin/spans@0.2.0": crate::bindings::spanloom::plugin::spans,
                "spanloom:plugin/batches@0.2.0": crate::bindings::spanloom::plugin::batches,
                "spanloom:plugin/handover@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_handed_over",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }

    pub mod http_handling {
        wit_bindgen::generate!({
            path: "wit",
            inline: "package spanloom:sdk; world http-handling { export spanloom:plugin/http-handler@0.2.0; }",
            world: "spanloom:sdk/http-handling",
            with: {
                "spanloom:plugin/http-handler@0.2.0": generate,
            },
            pub_export_macro: true,
            export_macro_name: "export_http_handling",
            runtime_path: "::spanloom_plugin::__private::rt",
        });
    }
}
