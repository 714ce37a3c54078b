//! The policy in force: what it trusts, and how it is replaced while streams live.

use crate::node::Node;
use core::fmt;
use mainstay_base::Instant;
use mainstay_policy::Policy;
use mainstay_tls::{ConfigFault, Identity, KeyLog, TrustStore};
use std::sync::Arc;

/// What happens to streams when the policy is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// All are destroyed (SS-425), as lws does.
    All,
    /// Those whose streamtype is unchanged live on (SS-427).
    Changed,
}

/// Why a policy cannot be put in force; the one before stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceError {
    /// The trust store, or the identity's index.
    pub name: String,
    /// What is wrong with it.
    pub fault: ConfigFault,
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trust store or identity {:?} cannot be used: {:?}", self.name, self.fault)
    }
}

impl core::error::Error for ReplaceError {}

impl Node {
    /// Puts a first policy in force.
    ///
    /// # Errors
    /// A certificate of it cannot be read.
    pub fn set_policy(&mut self, policy: Policy) -> Result<(), ReplaceError> {
        self.replace_policy(Instant::ZERO, policy, Reload::All)
    }

    /// Puts another policy in force. Streams that are destroyed hear DISCONNECTED if due, and
    /// DESTROYING; the others go on, and use it from their next attempt on.
    ///
    /// # Errors
    /// A certificate of it cannot be read; then nothing changed (SS-428).
    pub fn replace_policy(
        &mut self,
        now: Instant,
        policy: Policy,
        reload: Reload,
    ) -> Result<(), ReplaceError> {
        let stores = trust_stores(&policy)?;
        for (name, store) in stores {
            self.pool.registry_mut().set_trust(&name, store);
        }
        let policy = Arc::new(policy);
        for id in self.slots.ids() {
            let Some(stream) = self.slots.get_mut(id) else { continue };
            let name = &stream.streamtype().name;
            let same = match policy.streamtypes.get(name) {
                Some(new) if reload == Reload::Changed && **new == *stream.streamtype() => {
                    Some(new)
                }
                Some(_) | None => None,
            };
            match same {
                // A trust store of the same name may hold other certificates now.
                Some(new) if same_trust(&self.policy, &policy, new.tls_trust_store.as_deref()) => {
                    stream.set_policy(&policy, new);
                }
                Some(_) | None => stream.destroy(now),
            }
            self.slots.touch(id);
        }
        self.policy = policy;
        Ok(())
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Certificate chain and key a streamtype refers to by `client_cert`: PEM, or one DER each.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn set_identity(
        &mut self,
        index: &str,
        chain: &[u8],
        key: &[u8],
    ) -> Result<(), ReplaceError> {
        let identity = Identity::from_bytes(chain, key)
            .map_err(|fault| ReplaceError { name: index.to_owned(), fault })?;
        self.pool.registry_mut().set_identity(index, identity);
        Ok(())
    }

    /// From now on the secrets of new TLS connections are told to `sink`, a line of the NSS key log
    /// format each (LAY-264).
    pub fn set_key_log(&mut self, sink: impl Fn(&str) + Send + Sync + 'static) {
        self.pool.registry_mut().set_key_log(KeyLog::new(sink));
    }

    /// Trust anchors of the platform, as DER. Those that cannot be read are left out; how many.
    pub fn set_platform_roots(&mut self, roots: &[Vec<u8>]) -> usize {
        let mut store = TrustStore::new();
        let unreadable = roots.iter().filter(|der| store.add(der).is_err()).count();
        self.pool.registry_mut().set_platform_roots(store);
        unreadable
    }
}

fn trust_stores(policy: &Policy) -> Result<Vec<(String, TrustStore)>, ReplaceError> {
    let mut stores = Vec::new();
    for (name, stack) in &policy.trust_stores {
        let mut store = TrustStore::new();
        for der in stack.iter().filter_map(|cert| policy.certs.get(cert)) {
            store.add(der).map_err(|fault| ReplaceError { name: name.clone(), fault })?;
        }
        stores.push((name.clone(), store));
    }
    Ok(stores)
}

fn same_trust(old: &Policy, new: &Policy, store: Option<&str>) -> bool {
    let certs = |policy: &Policy| -> Option<Vec<Arc<[u8]>>> {
        let stack = policy.trust_stores.get(store?)?;
        stack.iter().map(|name| policy.certs.get(name).cloned()).collect()
    };
    store.is_none() || certs(old) == certs(new)
}
