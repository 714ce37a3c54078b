//! `${name}` in policy strings (SS-450 to SS-452). Owns the form; where it is evaluated and when,
//! the stream decides.

use core::fmt;

// Deferred SS-908: substitution covers the keys of SS-450; the other string keys stay literal.

/// Why a string could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexpanded {
    /// The streamtype declares no metadata of this name.
    Undeclared(String),
    /// The value of this metadata is not UTF-8, and `|url` was not asked for.
    NotText(String),
    /// A `${` without its `}`, or an unknown word behind `|`; what follows `${`.
    Malformed(String),
}

impl fmt::Display for Unexpanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undeclared(name) => write!(f, "metadata `{name}` is not declared"),
            Self::NotText(name) => write!(f, "the value of metadata `{name}` is not text"),
            Self::Malformed(rest) => write!(f, "`${{{rest}` is no substitution"),
        }
    }
}

impl core::error::Error for Unexpanded {}

/// Substitutes every `${name}`; `lookup` gives `None` for an undeclared name and an empty value for a
/// declared one that is not set.
///
/// `${name|url}` percent-encodes all but RFC 3986 §2.3 unreserved characters; `$${` is a literal `${`;
/// any other `$` stands for itself.
///
/// # Errors
/// The first name that could not be substituted.
pub fn expand<'v>(
    text: &str,
    mut lookup: impl FnMut(&str) -> Option<&'v [u8]>,
) -> Result<String, Unexpanded> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Malformed(rest) => return Err(Unexpanded::Malformed(rest.to_owned())),
            Piece::Name { name, url } => {
                let undeclared = || Unexpanded::Undeclared(name.to_owned());
                let value = lookup(name).ok_or_else(undeclared)?;
                if url {
                    percent_encode(value, &mut out);
                } else {
                    let not_text = |_| Unexpanded::NotText(name.to_owned());
                    out.push_str(core::str::from_utf8(value).map_err(not_text)?);
                }
            }
        }
    }
    Ok(out)
}

/// The names a string substitutes, in order.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).filter_map(|piece| match piece {
        Piece::Name { name, .. } => Some(name),
        Piece::Literal(_) | Piece::Malformed(_) => None,
    })
}

/// What is malformed in a string: what follows its `${`.
pub(crate) fn malformed(text: &str) -> Option<&str> {
    pieces(text).find_map(|piece| match piece {
        Piece::Malformed(rest) => Some(rest),
        Piece::Literal(_) | Piece::Name { .. } => None,
    })
}

enum Piece<'a> {
    Literal(&'a str),
    Name { name: &'a str, url: bool },
    Malformed(&'a str),
}

fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = first(rest);
        rest = after;
        Some(piece)
    })
}

/// The first piece of a string that is not empty, and what follows it.
fn first(text: &str) -> (Piece<'_>, &str) {
    if let Some(after) = text.strip_prefix("$${") {
        return (Piece::Literal("${"), after);
    }
    let Some(inside) = text.strip_prefix("${") else {
        // Up to the next `$`; a lone one at the front stands for itself.
        let end = text.char_indices().skip(1).find(|(_, c)| *c == '$').map_or(text.len(), |p| p.0);
        let (literal, after) = text.split_at(end);
        return (Piece::Literal(literal), after);
    };
    let Some((inside, after)) = inside.split_once('}') else {
        return (Piece::Malformed(inside), "");
    };
    let piece = match inside.split_once('|') {
        None if inside.is_empty() => Piece::Malformed("}"),
        None => Piece::Name { name: inside, url: false },
        Some((name, "url")) => Piece::Name { name, url: true },
        Some(_) => Piece::Malformed(inside),
    };
    (piece, after)
}

fn percent_encode(value: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend(['%', char::from(HEX[high]), char::from(HEX[low])]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Unexpanded> {
        expand(text, |name| match name {
            "id" => Some(b"a/b \xc3\xa9".as_slice()),
            "unset" => Some(b"".as_slice()),
            "raw" => Some(b"\xff".as_slice()),
            _ => None,
        })
    }

    // Covers SS-451
    #[test]
    fn a_name_becomes_its_value_an_unset_one_nothing_and_an_undeclared_one_fails() {
        assert_eq!(filled("x/${id}/y"), Ok("x/a/b é/y".into()));
        assert_eq!(filled("x/${unset}/y"), Ok("x//y".into()));
        assert_eq!(filled("x/${other}/y"), Err(Unexpanded::Undeclared("other".into())));
        assert_eq!(filled("${raw}"), Err(Unexpanded::NotText("raw".into())));
        assert_eq!(filled("${raw|url}"), Ok("%FF".into()));
    }

    // Covers SS-452
    #[test]
    fn a_lone_dollar_is_literal_a_double_one_escapes_and_url_percent_encodes() {
        assert_eq!(filled("$x $$x $"), Ok("$x $$x $".into()));
        assert_eq!(filled("$${id} $$${id}"), Ok("${id} $${id}".into()));
        assert_eq!(filled("é$${"), Ok("é${".into()));
        assert_eq!(filled("?q=${id|url}"), Ok("?q=a%2Fb%20%C3%A9".into()));
        for bad in ["${id", "${id|hex}", "${}"] {
            assert!(matches!(filled(bad), Err(Unexpanded::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn names_are_listed_in_order_and_escapes_are_not_names() {
        let found: Vec<_> = names("${a}$${b}$${c}${d|url}").collect();
        assert_eq!(found, ["a", "d"]);
        assert_eq!(malformed("${a}${b"), Some("b"));
    }
}
