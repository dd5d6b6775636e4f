//! Receivers, which this version does not have.

use std::sync::Arc;

use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre},
};
use wire::Signal;

use super::bindings::imported::types::ConfigError;
use crate::plugin::guest::{
    Guest,
    interface::{Call, GuestFailure, Listener, Reply, Request},
};

/// There are no values: no component of this version is a receiver.
pub(super) enum Indices {}
pub(super) enum Functions {}

impl Indices {
    pub(super) fn find(_: &InstancePre<Guest>) -> Option<Indices> {
        None
    }

    pub(super) fn load(&self, _: &mut Store<Guest>, _: &Instance) -> Result<Functions> {
        match *self {}
    }
}

impl Functions {
    pub(super) async fn configure(
        &self,
        _: &mut Store<Guest>,
        _: &str,
    ) -> Result<std::result::Result<(), ConfigError>> {
        match *self {}
    }

    pub(super) async fn listens(&self, _: &mut Store<Guest>) -> Result<Vec<Listener>> {
        match *self {}
    }

    pub(super) async fn emits(&self, _: &mut Store<Guest>) -> Result<Vec<Signal>> {
        match *self {}
    }

    pub(super) fn receive<'a>(
        &'a self,
        _: &'a mut Store<Guest>,
        _: Arc<[Request]>,
    ) -> Call<'a, std::result::Result<Vec<Reply>, GuestFailure>> {
        match *self {}
    }
}
