//! The policy in force when none is supplied (SS-025).

use crate::model::Policy;

impl Policy {
    /// The built-in policy: streamtypes `__default` and `captive_portal_detect`.
    ///
    /// `__default` takes its endpoint, host or URL, from the metadata `endpoint`.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn built_in() -> Self {
        let parsed = Self::parse(TEXT, "built-in policy");
        parsed.expect("the built-in policy is valid").policy
    }
}

/// SS-025, SS-810.
const TEXT: &str = r#"{
  "release": "0",
  "product": "mainstay",
  "schema-version": 1,
  "retry": [{ "default": {
    "backoff": [1000, 2000, 3000, 5000, 10000],
    "conceal": 5,
    "jitterpc": 20,
    "svalidping": 30,
    "svalidhup": 35
  } }],
  "s": [
    { "__default": {
      "endpoint": "${endpoint}",
      "port": 443,
      "protocol": "h2",
      "tls": true,
      "http_method": "GET",
      "http_url": "",
      "metadata": [{ "endpoint": "" }, { "acc": "accept" }, { "ua": "user-agent" }],
      "allow_redirects": true,
      "direct_proto_str": true,
      "nghttp2_quirk_end_stream": true,
      "h2q_oflow_txcr": true,
      "opportunistic": true,
      "timeout_ms": 2000,
      "retry": "default"
    } },
    { "captive_portal_detect": {
      "endpoint": "connectivitycheck.android.com",
      "port": 80,
      "protocol": "h1",
      "http_method": "GET",
      "http_url": "generate_204",
      "http_expect": 204,
      "http_fail_redirect": true,
      "opportunistic": true
    } }
  ]
}
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;

    // Covers SS-025
    #[test]
    fn the_built_in_policy_says_what_the_specification_lists() {
        let parsed = Policy::parse(TEXT, "built-in").unwrap();
        assert_eq!(parsed.warnings, []);
        let policy = Policy::built_in();
        let default = &policy.streamtypes["__default"];
        assert_eq!(default.endpoint.as_deref(), Some("${endpoint}"));
        assert_eq!((default.port, default.tls, default.protocol), (443, true, Protocol::H2));
        assert_eq!(default.tls_trust_store, None);
        assert_eq!(default.http.method.as_deref(), Some("GET"));
        assert_eq!(default.http.url.as_deref(), Some(""));
        let metadata: Vec<_> =
            default.metadata.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(metadata, [("endpoint", ""), ("acc", "accept"), ("ua", "user-agent")]);
        assert!(default.http.allow_redirects && default.direct_proto_str && default.opportunistic);
        assert!(default.http.quirk_end_stream && default.http.h2q_oflow_txcr);
        assert_eq!(default.timeout_ms, 2000);
        let retry = default.retry.as_ref().unwrap();
        assert_eq!(retry.backoff_ms, [1000, 2000, 3000, 5000, 10000]);
        assert_eq!((retry.conceal, retry.jitter_percent), (5, 20));
        assert_eq!((retry.valid_ping_s, retry.valid_hangup_s), (30, 35));

        let portal = &policy.streamtypes["captive_portal_detect"];
        assert_eq!(portal.endpoint.as_deref(), Some("connectivitycheck.android.com"));
        assert_eq!((portal.port, portal.tls, portal.http.expect), (80, false, 204));
        assert_eq!(portal.http.url.as_deref(), Some("generate_204"));
        assert!(portal.http.fail_redirect && portal.opportunistic);
    }
}
