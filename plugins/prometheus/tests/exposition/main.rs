//! What a scrape sees: golden files for every rule, and properties that hold whatever comes.

mod arbitrary;
mod client_model;
mod golden;
mod handover;
mod parsers;
mod scrape;
mod size;
