//! What a policy says, typed. Owns the shape; `parse` fills it and `check` judges it.
//!
//! Strings that may hold `${name}` are kept as written; `template.rs` substitutes them.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A whole policy (SS-415 to SS-422).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// `release`: identification only.
    pub release: Option<String>,
    /// `product`: identification only.
    pub product: Option<String>,
    /// `schema-version` (SS-409).
    pub schema_version: Option<u32>,
    /// `via-socks5` of the document: `host:port`.
    pub via_socks5: Option<HostPort>,
    /// `retry` schemes by name.
    pub retry: BTreeMap<String, Arc<Retry>>,
    /// `certs`: DER by name (decoded).
    pub certs: BTreeMap<String, Arc<[u8]>>,
    /// `trust_stores`: names of certificates by store.
    pub trust_stores: BTreeMap<String, Vec<String>>,
    /// `auth` schemes by name.
    pub auth: BTreeMap<String, Auth>,
    /// `metrics` reports by name.
    pub metrics: BTreeMap<String, Metric>,
    /// `s`: the streamtypes by name. Shared by every stream (SS-006).
    pub streamtypes: BTreeMap<String, Arc<Streamtype>>,
}

/// Host and port as written in a proxy key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Optional `user:password@` in front of the host.
    pub credentials: Option<(String, String)>,
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// A retry scheme (SS-417).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// Its name.
    pub name: String,
    /// `backoff`: at most 8 delays in milliseconds.
    pub backoff_ms: Vec<u32>,
    /// `conceal`: failures retried before `ALL_RETRIES_FAILED`; 65535 for ever.
    pub conceal: u16,
    /// `jitterpc`: percent; 0 means 30.
    pub jitter_percent: u8,
    /// `svalidping`: seconds of silence before a ping.
    pub valid_ping_s: u16,
    /// `svalidhup`: seconds of silence before hanging up; 0 means never.
    pub valid_hangup_s: u16,
}

/// A credential scheme (SS-421).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// `type`: `sigv4`, or LWA-style when absent.
    pub kind: Option<String>,
    /// `streamtype` that refreshes the token.
    pub streamtype: Option<String>,
    /// `blob`: credential slot, 0 to 3.
    pub blob: u8,
}

/// A metrics report (SS-420).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metric {
    /// `us_schedule`: reporting interval in microseconds.
    pub schedule_us: u64,
    /// `us_halflife`: decay in microseconds.
    pub halflife_us: u32,
    /// `min_outlier`.
    pub min_outlier: u8,
    /// `report`: comma list with `*` wildcards.
    pub report: String,
}

/// `protocol` (SS-433).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    H1,
    /// HTTP/2.
    H2,
    /// HTTP/3; parsed, not offered in this version.
    H3,
    /// WebSocket.
    Ws,
    /// MQTT.
    Mqtt,
    /// Bytes.
    Raw,
}

/// A streamtype: everything about a stream but its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streamtype {
    /// Its name.
    pub name: String,
    /// `endpoint`, `${}`: host, address, URL, `+path`, `+@name` or `file://path`.
    pub endpoint: Option<String>,
    /// `port`.
    pub port: u16,
    /// `protocol`.
    pub protocol: Protocol,
    /// `tls`.
    pub tls: bool,
    /// `tls_trust_store`: none means the platform's.
    pub tls_trust_store: Option<String>,
    /// `client_cert`: index of the certificate and key in the system blobs.
    pub client_cert: Option<u32>,
    /// `via-socks5` of the streamtype.
    pub via_socks5: Option<HostPort>,
    /// `via-http-proxy` (ours, SS-937): `host:port`, optionally `user:password@` and `https://`.
    pub via_http_proxy: Option<HttpProxy>,
    /// `stack` (ours, LAY-193): a layered connection spelled out, as JSON text.
    pub stack: Option<String>,
    /// `opportunistic`.
    pub opportunistic: bool,
    /// `nailed_up`.
    pub nailed_up: bool,
    /// `nailed_up_repeat` (ours, SS-142).
    pub nailed_up_repeat: bool,
    /// `retry`, resolved.
    pub retry: Option<Arc<Retry>>,
    /// `timeout_ms`; 0 means none.
    pub timeout_ms: u32,
    /// `swake_validity`.
    pub swake_validity: bool,
    /// `urgent_tx`.
    pub urgent_tx: bool,
    /// `urgent_rx`.
    pub urgent_rx: bool,
    /// `long_poll`.
    pub long_poll: bool,
    /// `attr_priority`, 0 to 7.
    pub attr_priority: u8,
    /// `attr_low_latency`.
    pub attr_low_latency: bool,
    /// `attr_high_throughput`.
    pub attr_high_throughput: bool,
    /// `attr_high_reliability`.
    pub attr_high_reliability: bool,
    /// `attr_low_cost`.
    pub attr_low_cost: bool,
    /// `perf`.
    pub perf: bool,
    /// `payload_fmt`.
    pub payload_fmt: Option<String>,
    /// `rideshare`: the next streamtype of the chain; resolved late.
    pub rideshare: Option<String>,
    /// `metadata`: name and mapping (a header name, may be empty), in order.
    pub metadata: Vec<(String, String)>,
    /// `local_sink`.
    pub local_sink: bool,
    /// `use_auth`.
    pub use_auth: Option<String>,
    /// `aws_region`: name of a metadata.
    pub aws_region: Option<String>,
    /// `aws_service`: name of a metadata.
    pub aws_service: Option<String>,
    /// `direct_proto_str`.
    pub direct_proto_str: bool,
    /// `tx_max` (ours, SS-248): bytes offered per tx; at least 1024.
    pub tx_max: Option<u32>,
    /// `proxy_buflen` and its five companions (SS-434).
    pub proxy: ProxyBuffers,
    /// The HTTP family (SS-435), ws included.
    pub http: Http,
    /// WebSocket (SS-436).
    pub ws: Ws,
    /// MQTT (SS-437).
    pub mqtt: Mqtt,
    /// Server (SS-438).
    pub server: Server,
    /// Keys this version parses and does not act on, in the order written: `check` reports them,
    /// and creating the stream fails with `Unsupported` if one is marked as needed.
    pub inert: Vec<Inert>,
}

/// A key without effect in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inert {
    /// The key as written.
    pub key: String,
    /// Whether a stream cannot do its work without it.
    pub needed: bool,
}

/// `via-http-proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProxy {
    /// Whether the proxy itself is spoken to through TLS.
    pub tls: bool,
    /// Where it is, with credentials if any.
    pub at: HostPort,
}

/// Buffers of proxied streams (SS-434); 0 means the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyBuffers {
    /// `proxy_buflen`.
    pub proxy_buflen: u32,
    /// `proxy_buflen_rxflow_on_above`.
    pub proxy_on_above: u32,
    /// `proxy_buflen_rxflow_off_below`.
    pub proxy_off_below: u32,
    /// `client_buflen`.
    pub client_buflen: u32,
    /// `client_buflen_rxflow_on_above`.
    pub client_on_above: u32,
    /// `client_buflen_rxflow_off_below`.
    pub client_off_below: u32,
}

/// Keys of the HTTP family (SS-435).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// `http_method`.
    pub method: Option<String>,
    /// `http_url`, `${}`: path and query.
    pub url: Option<String>,
    /// `http_resp_map`: response status to state number, at most 16.
    pub resp_map: Vec<(u16, u32)>,
    /// `http_expect`: 0 means 200 to 299.
    pub expect: u16,
    /// `http_fail_redirect`.
    pub fail_redirect: bool,
    /// `allow_redirects`.
    pub allow_redirects: bool,
    /// `http_no_content_length`.
    pub no_content_length: bool,
    /// `http_auth_header`.
    pub auth_header: Option<String>,
    /// `http_dsn_header`.
    pub dsn_header: Option<String>,
    /// `http_fwv_header`.
    pub fwv_header: Option<String>,
    /// `http_devtype_header`.
    pub devtype_header: Option<String>,
    /// `http_auth_preamble`.
    pub auth_preamble: Option<String>,
    /// `auth_hexify` (SS-411).
    pub auth_hexify: bool,
    /// `http_multipart_name`.
    pub multipart_name: Option<String>,
    /// `http_multipart_filename`.
    pub multipart_filename: Option<String>,
    /// `http_mime_content_type`.
    pub mime_content_type: Option<String>,
    /// `http_www_form_urlencoded`.
    pub www_form_urlencoded: bool,
    /// `http_multipart_ss_in`.
    pub multipart_ss_in: bool,
    /// `http_cookies`.
    pub cookies: bool,
    /// `nghttp2_quirk_end_stream`.
    pub quirk_end_stream: bool,
    /// `h2q_oflow_txcr`.
    pub h2q_oflow_txcr: bool,
    /// `h1_fallback` (ours): with `protocol: h2`, ALPN decides between h2 and http/1.1.
    pub h1_fallback: bool,
}

/// Keys of WebSocket (SS-436).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ws {
    /// `ws_subprotocol`.
    pub subprotocol: Option<String>,
    /// `ws_binary`.
    pub binary: bool,
    /// `ws_prioritize_reads`.
    pub prioritize_reads: bool,
}

/// Keys of MQTT (SS-437).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mqtt {
    /// `mqtt_topic`, `${}`.
    pub topic: Option<String>,
    /// `mqtt_subscribe`, `${}`.
    pub subscribe: Option<String>,
    /// `mqtt_qos`.
    pub qos: u8,
    /// `mqtt_retain`.
    pub retain: bool,
    /// `mqtt_keep_alive`: seconds.
    pub keep_alive_s: u16,
    /// `mqtt_clean_start`.
    pub clean_start: bool,
    /// `mqtt_will_topic`, `${}`.
    pub will_topic: Option<String>,
    /// `mqtt_will_message`, `${}`.
    pub will_message: Option<String>,
    /// `mqtt_will_qos`.
    pub will_qos: u8,
    /// `mqtt_will_retain`.
    pub will_retain: bool,
    /// `mqtt_birth_topic`, `${}`.
    pub birth_topic: Option<String>,
    /// `mqtt_birth_message`, `${}`.
    pub birth_message: Option<String>,
    /// `mqtt_birth_qos`.
    pub birth_qos: u8,
    /// `mqtt_birth_retain`.
    pub birth_retain: bool,
    /// `aws_iot`.
    pub aws_iot: bool,
}

/// Keys of servers (SS-438).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `server`.
    pub server: bool,
    /// `server_cert`: a name in `certs`.
    pub cert: Option<String>,
    /// `server_key`: a name in `certs`.
    pub key: Option<String>,
    /// `options`: name and value.
    pub options: Vec<(String, String)>,
}
