//! What a scrape sees: golden files for every rule, and properties that hold whatever comes.

mod arbitrary;
mod client_model;
mod golden;
mod life;
mod parsers;
mod scrape;
