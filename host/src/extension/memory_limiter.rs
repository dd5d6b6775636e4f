//! The extension `memory_limiter`: receivers that name it under `middlewares` refuse requests while the process is short of
//! memory, before they read them. The keys are those of the processor.

use std::sync::Arc;

use crate::{
    component::{BuiltExtension, ExtensionFactory, Factory},
    config::{ConfigError, Node},
    pipeline::limiter::{Limiter, MemoryLimiterConfig},
};

pub struct MemoryLimiterFactory;

impl Factory for MemoryLimiterFactory {
    fn name(&self) -> &str {
        "memory_limiter"
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(MemoryLimiterConfig::validate).map(drop)
    }
}

impl ExtensionFactory for MemoryLimiterFactory {
    fn build(&self, config: &Node) -> Result<BuiltExtension, ConfigError> {
        let limiter = Limiter::new(&config.read_valid(MemoryLimiterConfig::validate)?)?;
        Ok(BuiltExtension { limiter: Some(Arc::new(limiter)), ..BuiltExtension::default() })
    }
}
