//! What can be wrong with a policy, and where. Owns the codes and how a fault reads.

use core::fmt;

/// What is wrong. Closed; [`Code::code`] is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// Not JSON.
    Syntax,
    /// Not UTF-8.
    NotUtf8,
    /// More bytes than allowed.
    TooLarge,
    /// Nested deeper than allowed.
    TooDeep,
    /// A key nobody knows.
    UnknownKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A value outside the key's range.
    OutOfRange,
    /// More entries than allowed.
    TooMany,
    /// Nothing where something must be.
    Empty,
    /// A reference to something that is not defined.
    UnknownName,
    /// Not one of the words the key takes.
    UnknownWord,
    /// Text that is not base64.
    BadBase64,
    /// Text that is not `host:port`.
    BadAddress,
    /// A name or header that cannot be one.
    BadName,
    /// A `${` that is not a substitution.
    BadTemplate,
    /// `${name}` of a metadata the streamtype does not declare.
    Undeclared,
    /// Keys that cannot stand together.
    Exclusive,
    /// A `schema-version` of the future.
    SchemaTooNew,
    /// A key that must be there is not.
    MissingKey,
    /// The same name or key twice.
    Duplicate,
    /// A key without effect beside the others.
    NoEffect,
    /// A key this version parses and does not act on.
    Inert,
    /// A key lws does not know (SS-973).
    Ours,
}

impl Code {
    /// Every code, in the order of [`Code::code`].
    pub const ALL: [Self; 23] = [
        Self::Syntax,
        Self::NotUtf8,
        Self::TooLarge,
        Self::TooDeep,
        Self::UnknownKey,
        Self::WrongType,
        Self::OutOfRange,
        Self::TooMany,
        Self::Empty,
        Self::UnknownName,
        Self::UnknownWord,
        Self::BadBase64,
        Self::BadAddress,
        Self::BadName,
        Self::BadTemplate,
        Self::Undeclared,
        Self::Exclusive,
        Self::SchemaTooNew,
        Self::MissingKey,
        Self::Duplicate,
        Self::NoEffect,
        Self::Inert,
        Self::Ours,
    ];

    /// A stable number for C, logs and metrics.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16 + 1
    }

    /// What is wrong, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Syntax => "not valid JSON here",
            Self::NotUtf8 => "not UTF-8 text",
            Self::TooLarge => "too large",
            Self::TooDeep => "nested too deeply",
            Self::UnknownKey => "unknown key, ignored",
            Self::WrongType => "wrong type",
            Self::OutOfRange => "out of range",
            Self::TooMany => "too many entries",
            Self::Empty => "empty",
            Self::UnknownName => "no such name",
            Self::UnknownWord => "not one of the words allowed here",
            Self::BadBase64 => "not base64",
            Self::BadAddress => "not an address",
            Self::BadName => "not a usable name",
            Self::BadTemplate => "not a substitution",
            Self::Undeclared => "substitutes a metadata that is not declared",
            Self::Exclusive => "cannot stand with another key",
            Self::SchemaTooNew => "written for a newer version",
            Self::MissingKey => "a key is missing",
            Self::Duplicate => "given twice, the later one wins",
            Self::NoEffect => "has no effect here",
            Self::Inert => "has no effect in this version",
            Self::Ours => "is unknown to lws",
        }
    }
}

/// One thing wrong, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub code: Code,
    /// The file, or what the caller called it.
    pub origin: String,
    /// JSON path, such as `s[2].mystream.retry`; empty for the document itself.
    pub path: String,
    /// The key it is about; empty where there is none.
    pub key: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl fmt::Display for Fault {
    /// `file:line:column: key: what; hint`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.origin, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(self.code.what())?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// Why a policy was refused: at least one fault, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl Faults {
    pub(crate) const fn new(list: Vec<Fault>) -> Self {
        Self { list, warnings: Vec::new() }
    }

    pub(crate) const fn with_warnings(list: Vec<Fault>, warnings: Vec<Fault>) -> Self {
        Self { list, warnings }
    }

    /// The faults.
    pub fn iter(&self) -> core::slice::Iter<'_, Fault> {
        self.list.iter()
    }

    /// What is probably a mistake besides, as [`Parsed::warnings`](crate::Parsed::warnings): a
    /// misspelt key may be why another one is missing.
    #[must_use]
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = core::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    /// One fault per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Faults {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_in_their_order_from_one() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(usize::from(code.code()), index + 1);
        }
    }
}
