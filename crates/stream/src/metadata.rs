//! Metadata values of one stream (SS-225 to SS-227, SS-450 to SS-455). Owns values; names and
//! mappings stay in the shared streamtype.
//!
//! What the application set and what a response brought are kept apart (SS-455): the first is sent,
//! the newest of both is read.

use crate::error::Misuse;
use crate::limits::DIRECT_MAX;
use mainstay_http::http::{HeaderMap, HeaderName};
use mainstay_policy::Streamtype;

/// The values, none of which need exist: an unset stream allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Metadata(Vec<Value>);

#[derive(Debug)]
struct Value {
    name: Name,
    side: Side,
    bytes: Box<[u8]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// The place of a declared name in the streamtype.
    Declared(usize),
    /// A header set directly (SS-226).
    Direct(HeaderName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

impl Metadata {
    /// Binds `bytes` to `name` from the next use on; replaces an earlier value (SS-225).
    ///
    /// # Errors
    /// `NoSuchMetadata` where neither declared nor a direct header; `NoRoom` over the limit.
    pub(crate) fn set(
        &mut self,
        streamtype: &Streamtype,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), Misuse> {
        let name = match declared(streamtype, name) {
            Some(place) => Name::Declared(place),
            None if streamtype.direct_proto_str => {
                Name::Direct(header_name(name).ok_or(Misuse::NoSuchMetadata)?)
            }
            None => return Err(Misuse::NoSuchMetadata),
        };
        let known = self.values().any(|value| value.name == name);
        if let Name::Direct(_) = name
            && !known
            && self.direct().count() >= DIRECT_MAX
        {
            return Err(Misuse::NoRoom);
        }
        self.put(Value { name, side: Side::Request, bytes: bytes.into() });
        Ok(())
    }

    /// The newest value of a declared name.
    pub(crate) fn newest(&self, streamtype: &Streamtype, name: &str) -> Option<&[u8]> {
        let wanted = Name::Declared(declared(streamtype, name)?);
        self.values().rev().find(|value| value.name == wanted).map(|value| &*value.bytes)
    }

    /// What the application set under the declared name at `place`.
    pub(crate) fn requested(&self, place: usize) -> Option<&[u8]> {
        let wanted = Name::Declared(place);
        self.values()
            .find(|value| value.side == Side::Request && value.name == wanted)
            .map(|value| &*value.bytes)
    }

    /// Headers set directly, in order.
    pub(crate) fn direct(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.values().filter_map(|value| match &value.name {
            Name::Direct(name) => Some((name, &*value.bytes)),
            Name::Declared(_) => None,
        })
    }

    /// Takes the headers of a response that metadata map to (SS-454).
    pub(crate) fn capture(&mut self, streamtype: &Streamtype, headers: &HeaderMap) {
        for (place, (_, mapping)) in streamtype.metadata.iter().enumerate() {
            let Some(value) = header_name(mapping).and_then(|name| headers.get(name)) else {
                continue;
            };
            let name = Name::Declared(place);
            self.put(Value { name, side: Side::Response, bytes: value.as_bytes().into() });
        }
    }

    /// Brings values over to another streamtype by name; what it does not declare is forgotten.
    pub(crate) fn rename(&mut self, old: &Streamtype, new: &Streamtype) {
        self.0.retain_mut(|value| match &mut value.name {
            Name::Direct(_) => new.direct_proto_str,
            Name::Declared(place) => {
                let name = old.metadata.get(*place).map_or("", |(name, _)| name);
                let found = declared(new, name);
                *place = found.unwrap_or_default();
                found.is_some()
            }
        });
    }

    fn put(&mut self, value: Value) {
        self.0.retain(|old| old.side != value.side || old.name != value.name);
        self.0.push(value);
    }

    fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.0.iter()
    }
}

/// Where `name` is declared.
pub(crate) fn declared(streamtype: &Streamtype, name: &str) -> Option<usize> {
    streamtype.metadata.iter().position(|(declared, _)| declared == name)
}

/// A header name as policies write it: with or without the colon (SS-453).
pub(crate) fn header_name(text: &str) -> Option<HeaderName> {
    let bare = text.trim();
    let bare = bare.strip_suffix(':').unwrap_or(bare);
    HeaderName::from_bytes(bare.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_http::http::HeaderValue;

    fn streamtype() -> Streamtype {
        let metadata = vec![("one".into(), "x-one:".into()), ("two".into(), String::new())];
        Streamtype { metadata, ..Streamtype::default() }
    }

    // Covers SS-225, SS-227, SS-240
    #[test]
    fn only_declared_names_take_values_and_the_later_set_wins() {
        let (streamtype, mut metadata) = (streamtype(), Metadata::default());
        assert_eq!(metadata.set(&streamtype, "three", b"x"), Err(Misuse::NoSuchMetadata));
        assert_eq!(metadata.newest(&streamtype, "one"), None);
        metadata.set(&streamtype, "one", b"a").unwrap();
        metadata.set(&streamtype, "one", b"b").unwrap();
        assert_eq!(metadata.newest(&streamtype, "one"), Some(&b"b"[..]));
        assert_eq!(metadata.values().count(), 1);
    }

    // Covers SS-454, SS-455
    #[test]
    fn a_captured_value_is_read_and_never_sent() {
        let (streamtype, mut metadata) = (streamtype(), Metadata::default());
        metadata.set(&streamtype, "one", b"mine").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("X-One", HeaderValue::from_static("theirs"));
        metadata.capture(&streamtype, &headers);
        assert_eq!(metadata.newest(&streamtype, "one"), Some(&b"theirs"[..]));
        assert_eq!(metadata.requested(0), Some(&b"mine"[..]));
        metadata.set(&streamtype, "one", b"newer").unwrap();
        assert_eq!(metadata.newest(&streamtype, "one"), Some(&b"newer"[..]));
    }

    #[test]
    fn direct_headers_are_bounded() {
        let streamtype = Streamtype { direct_proto_str: true, ..streamtype() };
        let mut metadata = Metadata::default();
        for n in 0..DIRECT_MAX {
            metadata.set(&streamtype, &format!("x-{n}:"), b"1").unwrap();
        }
        assert_eq!(metadata.set(&streamtype, "x-more:", b"1"), Err(Misuse::NoRoom));
        assert_eq!(metadata.set(&streamtype, "x-0:", b"2"), Ok(()));
        assert_eq!(metadata.set(&streamtype, "not a header:", b"2"), Err(Misuse::NoSuchMetadata));
    }
}
