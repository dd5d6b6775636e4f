//! One macro per role, which generates the component's exports for a type and its optional traits.

/// Makes a type that implements [`Processor`](crate::Processor) the component's plugin.
///
/// After the type, name the optional traits that the host may call: [`Timer`](crate::Timer),
/// [`Flush`](crate::Flush), [`Handover`](crate::Handover), [`HttpHandler`](crate::HttpHandler).
///
/// ```ignore
/// spanloom_plugin::processor!(Redact);
/// spanloom_plugin::processor!(Batch: Timer, Flush, Handover);
/// ```
#[macro_export]
macro_rules! processor {
    ($plugin:ty $(: $($more:ident),+ $(,)?)?) => { $crate::__plugin!($plugin: Processor $($(, $more)+)?); };
}

/// Makes a type that implements [`Sampler`](crate::Sampler) the component's plugin. See
/// [`processor!`](crate::processor).
#[macro_export]
macro_rules! sampler {
    ($plugin:ty $(: $($more:ident),+ $(,)?)?) => { $crate::__plugin!($plugin: Sampler $($(, $more)+)?); };
}

/// Makes a type that implements [`Exporter`](crate::Exporter) the component's plugin. See
/// [`processor!`](crate::processor).
#[macro_export]
macro_rules! exporter {
    ($plugin:ty $(: $($more:ident),+ $(,)?)?) => { $crate::__plugin!($plugin: Exporter $($(, $more)+)?); };
}

/// Makes a type that implements [`Connector`](crate::Connector) the component's plugin. See
/// [`processor!`](crate::processor).
#[macro_export]
macro_rules! connector {
    ($plugin:ty $(: $($more:ident),+ $(,)?)?) => { $crate::__plugin!($plugin: Connector $($(, $more)+)?); };
}

/// Makes a type that implements [`Receiver`](crate::Receiver) the component's plugin. See
/// [`processor!`](crate::processor).
#[macro_export]
macro_rules! receiver {
    ($plugin:ty $(: $($more:ident),+ $(,)?)?) => { $crate::__plugin!($plugin: Receiver $($(, $more)+)?); };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __plugin {
    ($plugin:ty: $role:ident $(, $more:ident)*) => {
        // Checked on every target, so that `cargo test` reports missing traits.
        const _: fn() = || {
            fn is_a<P: $crate::$role $(+ $crate::$more)*>() {}
            is_a::<$plugin>();
        };

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the exports of the component")]
        const _: () = {
            struct Guest;

            ::std::thread_local! {
                static PLUGIN: ::std::cell::RefCell<::std::option::Option<$plugin>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            impl $crate::__private::guest::Guest for Guest {
                type Plugin = $plugin;

                fn describe() -> $crate::Description {
                    <$plugin as $crate::$role>::describe($crate::Description::of_crate(
                        ::core::env!("CARGO_PKG_NAME"),
                        ::core::env!("CARGO_PKG_VERSION"),
                        ::core::env!("CARGO_PKG_DESCRIPTION"),
                    ))
                }

                fn with<R>(call: impl FnOnce(&mut ::std::option::Option<$plugin>) -> R) -> R {
                    PLUGIN.with_borrow_mut(call)
                }
            }

            $crate::__export!(Describe Guest);
            $crate::__export!($role Guest);
            $($crate::__export!($more Guest);)*
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (Describe $guest:ident) => {
        $crate::__private::exports::described::export_described!($guest with_types_in $crate::__private::exports::described);
    };
    (Processor $guest:ident) => {
        $crate::__private::exports::processor::export_processor!($guest with_types_in $crate::__private::exports::processor);
    };
    (Sampler $guest:ident) => {
        $crate::__private::exports::sampler::export_sampler!($guest with_types_in $crate::__private::exports::sampler);
    };
    (Exporter $guest:ident) => {
        $crate::__private::exports::exporter::export_exporter!($guest with_types_in $crate::__private::exports::exporter);
    };
    (Connector $guest:ident) => {
        $crate::__private::exports::connector::export_connector!($guest with_types_in $crate::__private::exports::connector);
    };
    (Receiver $guest:ident) => {
        $crate::__private::exports::receiver::export_receiver!($guest with_types_in $crate::__private::exports::receiver);
    };
    (Timer $guest:ident) => {
        $crate::__private::exports::timed::export_timed!($guest with_types_in $crate::__private::exports::timed);
    };
    (Flush $guest:ident) => {
        $crate::__private::exports::flushed::export_flushed!($guest with_types_in $crate::__private::exports::flushed);
    };
    (Handover $guest:ident) => {
        $crate::__private::exports::handed_over::export_handed_over!(
            $guest with_types_in $crate::__private::exports::handed_over
        );
    };
    (HttpHandler $guest:ident) => {
        $crate::__private::exports::http_handling::export_http_handling!(
            $guest with_types_in $crate::__private::exports::http_handling
        );
    };
}
