//! Which streams a new policy leaves alone (SS-427).

use crate::model::{Policy, Streamtype};

/// The streamtypes of `old` whose streams must go when `new` replaces it: those that are gone, and
/// those that read differently once everything they name is resolved.
#[must_use]
pub fn changed(old: &Policy, new: &Policy) -> Vec<String> {
    let is_same = |name: &str, was: &Streamtype| {
        new.streamtypes.get(name).is_some_and(|is| {
            **is == *was
                && trust(old, was) == trust(new, is)
                && identity(old, was) == identity(new, is)
                && old.auth.get(auth(was)) == new.auth.get(auth(is))
                && socks(old, was) == socks(new, is)
        })
    };
    let gone = old.streamtypes.iter().filter(|(name, was)| !is_same(name, was));
    gone.map(|(name, _)| name.clone()).collect()
}

/// The certificates of a streamtype's trust store, in their order.
fn trust<'a>(policy: &'a Policy, streamtype: &Streamtype) -> Option<Vec<Option<&'a [u8]>>> {
    let stack = policy.trust_stores.get(streamtype.tls_trust_store.as_ref()?)?;
    Some(stack.iter().map(|name| policy.certs.get(name).map(|der| &**der)).collect())
}

fn identity<'a>(policy: &'a Policy, streamtype: &Streamtype) -> [Option<&'a [u8]>; 2] {
    let der = |name: &Option<String>| name.as_ref().and_then(|n| policy.certs.get(n)).map(|d| &**d);
    [der(&streamtype.server.cert), der(&streamtype.server.key)]
}

fn auth(streamtype: &Streamtype) -> &str {
    streamtype.use_auth.as_deref().unwrap_or_default()
}

/// The SOCKS5 proxy a streamtype uses; its own wins over the document's (LAY-193).
fn socks<'a>(policy: &'a Policy, streamtype: &'a Streamtype) -> Option<&'a crate::model::HostPort> {
    streamtype.via_socks5.as_ref().or(policy.via_socks5.as_ref())
}
