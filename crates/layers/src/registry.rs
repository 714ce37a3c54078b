//! What the names in a specification stand for, and the TLS configurations made from them.

use core::cell::RefCell;
use std::collections::BTreeMap;

use mainstay_base::{Policy, Reason};
use mainstay_tls::{
    ClientConfig, ClientOptions, ConfigFault, Identity, KeyLog, TrustStore, WallClock,
};

use crate::limits::CONFIGS_MAX;
use crate::spec::{IdentitySpec, Proxy, Secret, TlsSpec, TrustSpec};

/// Trust stores, identities and secrets by name, the platform's roots, and the wall clock.
///
/// Replacing one affects new connections only (LAY-196). Configurations are made once for equal
/// parameters, so that remembered sessions are shared by those and by no others (LAY-254).
#[derive(Debug)]
pub struct Registry {
    clock: WallClock,
    platform: Option<TrustStore>,
    key_log: Option<KeyLog>,
    stores: BTreeMap<String, TrustStore>,
    identities: BTreeMap<String, Identity>,
    secrets: BTreeMap<String, Secret>,
    /// Behind a cell because asking for a configuration changes nothing an observer can see.
    configs: RefCell<BTreeMap<TlsSpec, ClientConfig>>,
}

impl Registry {
    /// Knows the clock and no name.
    #[must_use]
    pub const fn new(clock: WallClock) -> Self {
        Self {
            clock,
            platform: None,
            key_log: None,
            stores: BTreeMap::new(),
            identities: BTreeMap::new(),
            secrets: BTreeMap::new(),
            configs: RefCell::new(BTreeMap::new()),
        }
    }

    /// The clock certificates are judged by.
    #[must_use]
    pub const fn clock(&self) -> &WallClock {
        &self.clock
    }

    /// Sets the platform's roots, which somebody else reads.
    pub fn set_platform_roots(&mut self, roots: TrustStore) {
        self.platform = Some(roots);
        self.forget(|spec| spec.trust == TrustSpec::Os);
    }

    /// From now on the secrets of new connections are told to `key_log` (LAY-264).
    pub fn set_key_log(&mut self, key_log: KeyLog) {
        self.key_log = Some(key_log);
        self.forget(|_| true);
    }

    /// Sets the trust store called `name`.
    pub fn set_trust(&mut self, name: &str, store: TrustStore) {
        self.stores.insert(name.to_owned(), store);
        self.forget(|spec| matches!(&spec.trust, TrustSpec::Store(of) if of == name));
    }

    /// Sets the identity called `name`.
    pub fn set_identity(&mut self, name: &str, identity: Identity) {
        self.identities.insert(name.to_owned(), identity);
        self.forget(|spec| matches!(&spec.identity, Some(IdentitySpec::Store(of)) if of == name));
    }

    /// Sets the secret called `name`.
    pub fn set_secret(&mut self, name: &str, secret: &str) {
        self.secrets.insert(name.to_owned(), Secret(secret.to_owned()));
    }

    /// The configuration for `spec`, offering `alpn` instead of its own if there is any.
    ///
    /// # Errors
    /// `Policy::Trust` when a store, identity or list is missing or unusable, `Policy::Invalid`
    /// for anything else that cannot be.
    pub fn tls(&self, spec: &TlsSpec, alpn: &[Vec<u8>]) -> Result<ClientConfig, Reason> {
        let mut key = spec.clone();
        if !alpn.is_empty() {
            let text = |name: &Vec<u8>| String::from_utf8(name.clone());
            let names: Result<_, _> = alpn.iter().map(text).collect();
            key.alpn = names.map_err(|_| Reason::Policy(Policy::Invalid))?;
        }
        // What does not change the configuration must not multiply it.
        key.name = None;
        key.handshake = TlsSpec::default().handshake;
        if let Some(config) = self.configs.borrow().get(&key) {
            return Ok(config.clone());
        }
        let config = ClientConfig::new(self.options(&key)?).map_err(policy)?;
        let mut configs = self.configs.borrow_mut();
        if configs.len() >= CONFIGS_MAX {
            configs.pop_first();
        }
        configs.insert(key, config.clone());
        Ok(config)
    }

    /// User and password for `proxy`.
    pub(crate) fn credentials(&self, proxy: &Proxy) -> Result<Option<Credentials>, Reason> {
        let Some(user) = proxy.user.clone() else { return Ok(None) };
        let password = match (&proxy.password, &proxy.password_ref) {
            (Some(password), _) => password.clone(),
            (None, Some(name)) => {
                self.secrets.get(name).cloned().ok_or(Reason::Policy(Policy::Missing))?
            }
            (None, None) => Secret(String::new()),
        };
        Ok(Some(Credentials { user, password }))
    }

    fn options(&self, spec: &TlsSpec) -> Result<ClientOptions, Reason> {
        let missing = Reason::Policy(Policy::Trust);
        let mut trust = match &spec.trust {
            TrustSpec::Os => self.platform.clone(),
            TrustSpec::Store(name) => self.stores.get(name).cloned(),
            TrustSpec::Pem(pem) => {
                let mut store = TrustStore::new();
                store.add_pem(pem.as_bytes()).map_err(policy)?;
                Some(store)
            }
        }
        .ok_or(missing)?;
        spec.pins.iter().for_each(|pin| trust.add_pin(pin.clone()));
        trust.set_pin_mode(spec.pin_mode);
        trust.set_leaf_anchor(spec.leaf_anchor);
        trust.set_allow_common_name(spec.allow_common_name);
        if let Some(lists) = &spec.crl {
            trust.add_revocation_lists_pem(lists.as_bytes()).map_err(policy)?;
        }
        let mut options = ClientOptions::new(trust, self.clock.clone());
        options.identity = match &spec.identity {
            None => None,
            Some(IdentitySpec::Store(name)) => {
                Some(self.identities.get(name).cloned().ok_or(missing)?)
            }
            Some(IdentitySpec::Pem { cert, key }) => {
                let identity = Identity::from_pem(cert.as_bytes(), key.0.as_bytes());
                Some(identity.map_err(policy)?)
            }
        };
        options.alpn = spec.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        options.require_alpn = spec.require_alpn;
        (options.min, options.max) = (spec.min, spec.max);
        options.resume = spec.resume;
        options.sni = spec.sni;
        options.tolerate_truncation = spec.tolerate_truncation;
        options.key_log = self.key_log.clone();
        Ok(options)
    }

    fn forget(&self, affected: impl Fn(&TlsSpec) -> bool) {
        self.configs.borrow_mut().retain(|spec, _| !affected(spec));
    }
}

/// Who we are to a proxy. `Debug` shows no password.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

fn policy(fault: ConfigFault) -> Reason {
    Reason::Policy(match fault {
        ConfigFault::NoTrust
        | ConfigFault::Certificate
        | ConfigFault::RevocationList
        | ConfigFault::Identity
        | ConfigFault::NoIdentity => Policy::Trust,
        ConfigFault::Versions | ConfigFault::Alpn | ConfigFault::Provider => Policy::Invalid,
    })
}
