use super::message::message;

message! {
    /// Writes a `Resource`.
    ResourceWriter {
        attributes: attributes = 1,
        dropped_attributes_count: uint32 = 2,
    }
}

impl ResourceWriter<'_> {
    /// Names the attributes that make up an entity of the resource.
    pub fn entity_ref(&mut self, write: impl FnOnce(&mut EntityRefWriter<'_>)) -> &mut Self {
        self.encoder.message(3, |encoder| write(&mut EntityRefWriter::new(encoder)));
        self
    }
}

message! {
    /// Writes an `EntityRef`.
    EntityRefWriter {
        schema_url: text = 1,
        /// The type of the entity, like `service`.
        entity_type: text = 2,
    }
}

impl EntityRefWriter<'_> {
    /// Adds a key of the attributes that identify the entity.
    pub fn id_key(&mut self, key: &str) -> &mut Self {
        self.encoder.delimited(3, key.as_bytes());
        self
    }

    /// Adds a key of the attributes that describe the entity.
    pub fn description_key(&mut self, key: &str) -> &mut Self {
        self.encoder.delimited(4, key.as_bytes());
        self
    }
}

message! {
    /// Writes an `InstrumentationScope`.
    ScopeWriter {
        name: text = 1,
        version: text = 2,
        attributes: attributes = 3,
        dropped_attributes_count: uint32 = 4,
    }
}
