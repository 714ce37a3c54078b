//! A policy written by parts.

use mainstay_test_support::Leaf;

/// The name of the trust store that [`Document::trust`] makes.
const STORE: &str = "site";

/// A policy in the making.
#[derive(Clone, Debug, Default)]
pub struct Document {
    top: Vec<String>,
    certs: Vec<String>,
    stores: Vec<String>,
    retries: Vec<String>,
    streams: Vec<String>,
}

impl Document {
    /// Nothing in it yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A member of the document itself, `"via-socks5":"localhost:1080"` say.
    #[must_use]
    pub fn top(mut self, member: &str) -> Self {
        self.top.push(member.to_owned());
        self
    }

    /// The trust store `site` with this one certificate.
    #[must_use]
    pub fn trust(self, anchor: &Leaf) -> Self {
        self.store(STORE, anchor)
    }

    /// A trust store with one certificate.
    #[must_use]
    pub fn store(mut self, name: &str, anchor: &Leaf) -> Self {
        self.certs.push(format!("{{\"{name}\":\"{}\"}}", anchor.base64()));
        self.stores.push(format!("{{\"name\":\"{name}\",\"stack\":[\"{name}\"]}}"));
        self
    }

    /// A retry scheme: its name and its members.
    #[must_use]
    pub fn retry(mut self, name: &str, members: &str) -> Self {
        self.retries.push(format!("{{\"{name}\":{{{members}}}}}"));
        self
    }

    /// A streamtype: its name and its members.
    #[must_use]
    pub fn stream(mut self, name: &str, members: &str) -> Self {
        self.streams.push(format!("{{\"{name}\":{{{members}}}}}"));
        self
    }

    /// The JSON.
    #[must_use]
    pub fn text(&self) -> String {
        let mut members = self.top.clone();
        for (key, parts) in [
            ("retry", &self.retries),
            ("certs", &self.certs),
            ("trust_stores", &self.stores),
            ("s", &self.streams),
        ] {
            if !parts.is_empty() {
                members.push(format!("\"{key}\":[{}]", parts.join(",")));
            }
        }
        format!("{{{}}}", members.join(","))
    }
}
