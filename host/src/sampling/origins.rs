//! Where held spans come from: their resource, their scope, and the senders that they are owed to.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::interned::Interned;
use crate::pipeline::batch::{Owed, OwedTo};

/// The memory that an entry takes beside its bytes, about.
const ENTRY_BYTES: usize = 96;
/// The same for a new resource, a new scope and a new request.
pub(super) const OVERHEAD_BYTES: usize = 3 * ENTRY_BYTES;

/// Resources, scopes and senders. Each is held once, as long as a span has it.
#[derive(Default)]
pub(super) struct Origins {
    resources: Interned<Box<[u8]>>,
    senders: Interned<Senders>,
    origins: Interned<Origin>,
    /// Keyed, so that a sender cannot choose resources that collide.
    hasher: DefaultHashBuilder,
    fields_bytes: usize,
}

/// What the spans of one scope and one request have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    resource: u32,
    senders: u32,
    scope_fields: Box<[u8]>,
}

struct Senders {
    to: OwedTo,
    owed: Owed,
}

/// The envelopes of a span, as [`wire::Frame`] has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelopes<'a> {
    pub(super) resource: u32,
    pub(super) resource_fields: &'a [u8],
    pub(super) scope_fields: &'a [u8],
}

impl Origins {
    /// Enters spans that have these envelopes and are owed alike. Returns the number of their origin.
    pub(super) fn enter(
        &mut self,
        spans: usize,
        resource_fields: &[u8],
        scope_fields: &[u8],
        owed: Owed,
    ) -> u32 {
        let senders = self.enter_senders(spans, owed);
        let resource = self.enter_resource(spans, resource_fields);
        let hash = self.hasher.hash_one((resource, senders, scope_fields));
        let is_it = |known: &Origin| {
            known.resource == resource && known.senders == senders && *known.scope_fields == *scope_fields
        };
        self.origins.enter(hash, spans, is_it).unwrap_or_else(|| {
            self.fields_bytes += scope_fields.len();
            self.origins.insert(hash, spans, Origin { resource, senders, scope_fields: scope_fields.into() })
        })
    }

    fn enter_resource(&mut self, spans: usize, fields: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(fields);
        self.resources.enter(hash, spans, |known| **known == *fields).unwrap_or_else(|| {
            self.fields_bytes += fields.len();
            self.resources.insert(hash, spans, fields.into())
        })
    }

    fn enter_senders(&mut self, spans: usize, owed: Owed) -> u32 {
        let to = owed.to();
        let hash = self.hasher.hash_one(&to);
        let Some(number) = self.senders.enter(hash, spans, |known| known.to == to) else {
            return self.senders.insert(hash, spans, Senders { to, owed });
        };
        if let Some(known) = self.senders.get_mut(number) {
            known.owed.join(owed);
        }
        number
    }

    pub(super) fn get(&self, origin: u32) -> Option<Envelopes<'_>> {
        let Origin { resource, scope_fields, .. } = self.origins.get(origin)?;
        let resource_fields = self.resources.get(*resource)?;
        Some(Envelopes { resource: *resource, resource_fields, scope_fields })
    }

    /// Takes spans out. Returns what is owed for them.
    pub(super) fn leave(&mut self, origin: u32, spans: usize) -> Option<Owed> {
        let (resource, senders) = self.origins.get(origin).map(|origin| (origin.resource, origin.senders))?;
        let owed = self.senders.get_mut(senders)?.owed.split_off(spans);
        self.senders.leave(senders, spans);
        if let Some(fields) = self.resources.leave(resource, spans) {
            self.fields_bytes -= fields.len();
        }
        if let Some(origin) = self.origins.leave(origin, spans) {
            self.fields_bytes -= origin.scope_fields.len();
        }
        Some(owed)
    }

    /// Returns how much memory they take, in bytes, about.
    pub(super) fn held_bytes(&self) -> usize {
        let entries = self.resources.len() + self.senders.len() + self.origins.len();
        self.fields_bytes + entries * ENTRY_BYTES
    }
}
