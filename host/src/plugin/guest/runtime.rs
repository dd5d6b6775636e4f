//! The state that all plugins share: one engine, one linker, and one clock that ends calls.

use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result,
    component::{InstancePre, Linker},
};

use super::{Guest, ticker::Ticker, versions, wasi};
use crate::plugin::load::{cache::Cache, card::Code, compilers::Compilers, file::PluginFile};

/// The maximum number of guests of all plugins.
const INSTANCE_LIMIT: u32 = 1024;
/// The maximum of `limits.memory_mib`.
pub(super) const MEMORY_LIMIT_BYTES: usize = 1 << 30;
/// The number of memory slots that are kept for versions that no longer run. Slots of running versions are
/// reused by their own guests.
const WARM_SLOTS: u32 = 2;
/// If compiling takes this long, the log says so.
const SLOW: Duration = Duration::from_secs(10);
/// The size of a guest's stack.
const STACK_BYTES: usize = 512 << 10;

/// The runtime of the process. Clones are cheap.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    cache: Cache,
    compilers: Compilers,
    ticker: Arc<Ticker>,
}

impl Runtime {
    pub fn new() -> Result<Runtime> {
        let cache = Cache::of_user();
        let mut config = config();
        config.enable_incremental_compilation(cache.functions().clone())?;
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        for version in versions::SERVED {
            (version.link)(&mut linker)?;
        }
        wasi::add_to_linker(&mut linker)?;
        let ticker = Arc::new(Ticker::start(&engine)?);
        Ok(Runtime(Arc::new(Inner { engine, linker, cache, compilers: Compilers::new()?, ticker })))
    }

    /// Returns the runtime of this process, which is created at the first call: an engine reserves terabytes
    /// of address space.
    pub fn shared() -> Result<Runtime> {
        static SHARED: OnceLock<Runtime> = OnceLock::new();
        if let Some(runtime) = SHARED.get() {
            return Ok(runtime.clone());
        }
        let runtime = Runtime::new()?;
        Ok(SHARED.get_or_init(|| runtime).clone())
    }

    /// Returns the ticker, which interrupts running guests.
    pub(super) fn ticker(&self) -> &Arc<Ticker> {
        &self.0.ticker
    }

    /// Compiles the component of the plugin of this name, unless that was done before, and links it.
    /// Compiling takes about 1.1 ms of CPU a KiB, on threads that may block, and a fifth of that for
    /// functions that the previous version already had.
    ///
    /// # Errors
    /// Also fails if the process has no memory for compiling.
    pub(in crate::plugin) async fn compile(
        &self,
        name: &str,
        file: &PluginFile,
        code: Code,
    ) -> Result<InstancePre<Guest>> {
        let (inner, bytes, sha256) = (self.0.clone(), file.bytes.clone(), file.sha256);
        let (name, told) = (name.to_owned(), name.to_owned());
        let compiling = tokio::task::spawn_blocking(move || {
            let compile = || inner.cache.compile(&inner.engine, &name, &bytes, sha256, code);
            let (component, unkept) = inner.compilers.compile(compile)?;
            let pre = inner.linker.instantiate_pre(&component);
            if let Some(unkept) = unkept {
                tokio::task::spawn_blocking(move || inner.compilers.threads().install(|| unkept.keep()));
            }
            pre
        });
        told_while_slow(&told, compiling)
            .await
            .unwrap_or_else(|error| Err(wasmtime::format_err!("compiling ended: {error}")))
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(INSTANCE_LIMIT)
        .total_core_instances(INSTANCE_LIMIT * 8)
        .total_memories(INSTANCE_LIMIT)
        .total_tables(INSTANCE_LIMIT * 4)
        .total_stacks(INSTANCE_LIMIT)
        .max_memories_per_component(4)
        .max_tables_per_component(64)
        .max_core_instances_per_component(64)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(100_000)
        .max_memory_size(MEMORY_LIMIT_BYTES)
        .max_unused_warm_slots(WARM_SLOTS)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(STACK_BYTES * 2)
        .wasm_component_model(true)
        .concurrency_support(false);
    config
}

/// Waits for a compilation, and logs each time that another [`SLOW`] has passed.
async fn told_while_slow<T>(plugin: &str, compiling: impl Future<Output = T>) -> T {
    let mut compiling = pin!(compiling);
    let begun = Instant::now();
    loop {
        match tokio::time::timeout(SLOW, compiling.as_mut()).await {
            Ok(compiled) => return compiled,
            Err(_) => {
                let seconds = begun.elapsed().as_secs();
                tracing::info!(plugin, seconds, "the plugin is still being compiled");
            }
        }
    }
}
