//! A policy that comes in chunks (SS-400, SS-244), and whether a text is a policy at all.

use crate::document::{Document, not_utf8};
use crate::fault::Faults;
use crate::{Parsed, limits};

/// Whether a policy source is the document itself; otherwise it is the path of a file (SS-401).
#[must_use]
pub fn is_document(source: &str) -> bool {
    source.starts_with('{')
}

/// Gathers chunks of any size and parses when the last has come. Dropping it abandons the parse.
#[derive(Debug)]
pub struct Parser {
    origin: String,
    base: Option<Document>,
    bytes: Vec<u8>,
}

impl Parser {
    /// Starts a whole policy, or with `over` an overlay of that document.
    #[must_use]
    pub fn begin(origin: &str, over: Option<Document>) -> Self {
        Self { origin: origin.to_owned(), base: over, bytes: Vec::new() }
    }

    /// Takes the next chunk. Beyond the cap of a policy nothing more is kept, and `finish` says so.
    ///
    /// Returns whether there is still room.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let room = (limits::POLICY_MAX + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.bytes.len() <= limits::POLICY_MAX
    }

    /// Ends the text and parses it.
    ///
    /// # Errors
    /// Every fault that could be found; whatever was in force stays as it is (SS-428).
    pub fn finish(self) -> Result<Parsed, Faults> {
        let oversized = self.bytes.len() > limits::POLICY_MAX;
        let text = match core::str::from_utf8(&self.bytes) {
            // What does not fit is cut anywhere; the size is the fault.
            Err(_) if oversized => {
                return Document::parse(&" ".repeat(self.bytes.len()), &self.origin);
            }
            Err(error) => {
                let fault = not_utf8(&self.bytes, error.valid_up_to(), &self.origin);
                return Err(Faults::new(vec![fault]));
            }
            Ok(text) => text,
        };
        match &self.base {
            Some(base) => base.overlay(text, &self.origin),
            None => Document::parse(text, &self.origin),
        }
    }

    /// Gives the text up; the same as dropping it.
    pub fn abandon(self) {}
}
