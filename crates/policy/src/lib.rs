//! JSON policies as checked, typed values; every fault with its place and a hint.
//!
//! Text comes in through [`Policy::parse`] or chunk by chunk through [`Parser`], is blanked of
//! comments (`source`), read into values that know their place (`node`), brought into one entry per
//! name (`document`, where overlays merge) and built into the [`model`] (`build`), driven by the one
//! table of [`keys`]. [`template`] substitutes `${name}`, [`schema`] describes the form to editors,
//! and [`State`] is the vocabulary of stream states.
//!
//! Absent on purpose: files (the caller reads them; [`is_document`] decides), static policies.

#![forbid(unsafe_code)]

// Deferred SS-432: policies as Rust constants need a build helper, for products without a parser.

mod build;
mod built_in;
mod changed;
mod document;
mod fault;
mod first;
pub mod keys;
mod legal;
pub mod limits;
pub mod model;
mod node;
mod parser;
mod report;
mod schema;
mod source;
mod state;
mod suggest;
pub mod template;

pub use changed::changed;
pub use document::Document;
pub use fault::{Code, Fault, Faults};
pub use first::{Unwritable, first_policy};
pub use legal::legal;
pub use model::{Policy, Protocol, Streamtype};
pub use parser::{Parser, is_document};
pub use schema::schema;
pub use state::{State, state_name};

/// A policy that loads.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The policy.
    pub policy: Policy,
    /// What is probably a mistake: unknown keys, duplicates, keys without effect beside others.
    pub warnings: Vec<Fault>,
    /// What `check` tells: keys without effect in this version ([`Code::Inert`]), and keys lws does
    /// not know ([`Code::Ours`], SS-973).
    pub notes: Vec<Fault>,
    /// The document, for overlays.
    pub document: Document,
}
