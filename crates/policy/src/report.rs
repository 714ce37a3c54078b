//! Collects what is wrong while a policy is built: every fault, not only the first.

use std::collections::BTreeSet;

use crate::fault::{Code, Fault, Faults};
use crate::limits;
use crate::source::{At, Source};
use crate::suggest;

/// Faults refuse the policy; warnings and notes do not.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    sources: &'a [Source],
    faults: Vec<(At, Fault)>,
    warnings: Vec<(At, Fault)>,
    notes: Vec<(At, Fault)>,
    seen: BTreeSet<(At, Code)>,
    hints: usize,
}

impl<'a> Report<'a> {
    pub(crate) const fn new(sources: &'a [Source]) -> Self {
        let seen = BTreeSet::new();
        Self {
            sources,
            faults: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            seen,
            hints: 0,
        }
    }

    /// The text of a source, comments blanked. Commas that end an array are warned of.
    pub(crate) fn text(&mut self, source: usize) -> String {
        let blanked = self.sources.get(source).map(Source::blanked).unwrap_or_default();
        for offset in blanked.commas {
            let hint = "a comma before `]`, which only lws lets pass".to_owned();
            self.warn(At { source, offset }, Code::Syntax, "", hint);
        }
        blanked.text
    }

    /// "did you mean `x`?", or nothing; nothing at all once more was asked than anybody reads.
    pub(crate) fn suggest<'n>(
        &mut self,
        wrong: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> String {
        self.hints += 1;
        if self.hints > limits::FAULTS_MAX {
            return String::new();
        }
        let near = suggest::nearest(wrong, names.into_iter().take(limits::CANDIDATES_MAX));
        near.map_or_else(String::new, |name| format!("did you mean `{name}`?"))
    }

    pub(crate) fn fault(&mut self, at: At, code: Code, key: &str, hint: String) {
        if self.faults.len() < limits::FAULTS_MAX {
            let found = self.locate(at, code, key, hint);
            self.faults.extend(found);
        }
    }

    pub(crate) fn warn(&mut self, at: At, code: Code, key: &str, hint: String) {
        if self.warnings.len() < limits::FAULTS_MAX {
            let found = self.locate(at, code, key, hint);
            self.warnings.extend(found);
        }
    }

    pub(crate) fn note(&mut self, at: At, code: Code, key: &str, hint: String) {
        if self.notes.len() < limits::FAULTS_MAX {
            let found = self.locate(at, code, key, hint);
            self.notes.extend(found);
        }
    }

    /// Ends the collection: what was found, or why the policy is refused.
    pub(crate) fn finish(self) -> Result<(Vec<Fault>, Vec<Fault>), Faults> {
        let warnings = sorted(self.warnings);
        if self.faults.is_empty() {
            return Ok((warnings, sorted(self.notes)));
        }
        Err(Faults::with_warnings(sorted(self.faults), warnings))
    }

    /// `None` if the same was said of the same place: an alias inherits faults too.
    fn locate(&mut self, at: At, code: Code, key: &str, hint: String) -> Option<(At, Fault)> {
        if !self.seen.insert((at, code)) {
            return None;
        }
        let fault = self.sources.get(at.source)?.fault(at.offset, code, key, hint);
        Some((at, fault))
    }
}

fn sorted(mut list: Vec<(At, Fault)>) -> Vec<Fault> {
    list.sort_by_key(|(at, _)| *at);
    list.into_iter().map(|(_, fault)| fault).collect()
}
