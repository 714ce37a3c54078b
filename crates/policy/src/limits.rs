//! What bounds a policy.

/// Bytes of a policy document, or of an overlay. chosen: SS-408 names it.
pub const POLICY_MAX: usize = 256 * 1024;
/// Arrays and objects inside each other. chosen: SS-408 names it.
pub const NESTING_MAX: usize = 16;
/// Entries of `backoff`. chosen: SS-405 names it.
pub const BACKOFF_MAX: usize = 8;
/// Certificates in a trust store. chosen: SS-405 names it.
pub const STACK_MAX: usize = 6;
/// Pairs of `http_resp_map`. chosen: SS-405 names it.
pub const RESP_MAP_MAX: usize = 16;
/// Bytes of one certificate or key, decoded. chosen: SS-418 names it.
pub const DER_MAX: usize = 64 * 1024;
/// Bytes of a metadata name that the proxy link can carry. chosen: SS-433 names it.
pub const METADATA_NAME_MAX: usize = 30;
/// Bytes of an endpoint after substitution. chosen: SS-433 names it.
pub const ENDPOINT_MAX: usize = 2048;
/// The least `tx_max`. chosen: SS-248 names it.
pub const TX_MAX_LEAST: u32 = 1024;
/// The highest `schema-version` understood. chosen: SS-409 names it.
pub const SCHEMA_VERSION: u32 = 1;
/// Faults, warnings and notes kept of each kind. chosen: more than a person reads; finding a place costs a pass.
pub const FAULTS_MAX: usize = 100;
/// Bytes all `alias_of` together may inherit. chosen: a short document must not unfold into much memory.
pub const INHERITED_MAX: usize = 4 * 1024 * 1024;
/// Overlays over one document, itself included. chosen: each keeps its text for the places of faults.
pub const OVERLAYS_MAX: usize = 256;
/// Names a wrong one is compared with. chosen: hints must stay cheap in a long document.
pub(crate) const CANDIDATES_MAX: usize = 1000;
