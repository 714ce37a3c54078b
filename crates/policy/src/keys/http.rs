//! Keys of a streamtype: the HTTP family (SS-435) and WebSocket (SS-436).

use super::Slot::{BareFlag, Flag, Special as By, Text, U16};
use super::{Key, Special};
use crate::model::Streamtype;

type K = Key<Streamtype>;

pub(super) static KEYS: &[K] = &[
    K::new("http_method", Text(|s| &mut s.http.method), "request method; h1 and h2 need one"),
    K::new("http_url", Text(|s| &mut s.http.url), "path and query, without leading slash")
        .template(),
    K::new("http_resp_map", By(Special::RespMap), "states delivered for response statuses"),
    K::new("http_expect", U16(|s| &mut s.http.expect), "the status of success; 0 means 200..299"),
    K::new(
        "http_fail_redirect",
        Flag(|s| &mut s.http.fail_redirect),
        "a redirect means a captive portal",
    ),
    K::new("allow_redirects", Flag(|s| &mut s.http.allow_redirects), "follows redirects"),
    K::new(
        "http_no_content_length",
        Flag(|s| &mut s.http.no_content_length),
        "never adds Content-Length by itself",
    ),
    K::new(
        "http_auth_header",
        Text(|s| &mut s.http.auth_header),
        "the header that carries the auth token",
    ),
    K::new(
        "http_dsn_header",
        Text(|s| &mut s.http.dsn_header),
        "the header that carries the device serial",
    ),
    K::new(
        "http_fwv_header",
        Text(|s| &mut s.http.fwv_header),
        "the header that carries the firmware version",
    ),
    K::new(
        "http_devtype_header",
        Text(|s| &mut s.http.devtype_header),
        "the header that carries the device type",
    ),
    K::new(
        "http_auth_preamble",
        Text(|s| &mut s.http.auth_preamble),
        "text before the auth token, such as `bearer `",
    ),
    K::new("auth_hexify", Flag(|s| &mut s.http.auth_hexify), "the auth token is sent in hex")
        .ours(),
    K::new(
        "http_multipart_name",
        Text(|s| &mut s.http.multipart_name),
        "the body is multipart/form-data; name of the part",
    )
    .needed(),
    K::new(
        "http_multipart_filename",
        Text(|s| &mut s.http.multipart_filename),
        "the body is multipart/form-data; file name of the part",
    )
    .needed(),
    K::new(
        "http_mime_content_type",
        Text(|s| &mut s.http.mime_content_type),
        "the body is multipart/form-data; type of the part",
    )
    .needed(),
    K::new(
        "http_www_form_urlencoded",
        Flag(|s| &mut s.http.www_form_urlencoded),
        "the body is an encoded form",
    ),
    K::new(
        "http_multipart_ss_in",
        Flag(|s| &mut s.http.multipart_ss_in),
        "splits multipart responses into messages",
    )
    .needed(),
    K::new("http_cookies", Flag(|s| &mut s.http.cookies), "keeps and returns cookies").needed(),
    K::new(
        "nghttp2_quirk_end_stream",
        Flag(|s| &mut s.http.quirk_end_stream),
        "lws: END_STREAM on HEADERS without body; always so here",
    )
    .hint(),
    K::new(
        "h2q_oflow_txcr",
        Flag(|s| &mut s.http.h2q_oflow_txcr),
        "h2: tolerates a peer that overflows the window",
    )
    .hint(),
    K::new(
        "h1_fallback",
        Flag(|s| &mut s.http.h1_fallback),
        "with protocol h2: http/1.1 if the peer's ALPN says so",
    )
    .ours(),
    K::new("h3_fallback", BareFlag, "with protocol h3: h2 where there is no h3").ours(),
    K::new(
        "ws_subprotocol",
        Text(|s| &mut s.ws.subprotocol),
        "subprotocol offered; server: accepted, and upgrades are enabled",
    ),
    K::new("ws_binary", Flag(|s| &mut s.ws.binary), "messages sent are binary, not text"),
    K::new(
        "ws_prioritize_reads",
        Flag(|s| &mut s.ws.prioritize_reads),
        "drains input before output",
    )
    .hint(),
    K::new("ws_over_h2", BareFlag, "may ride on a shared h2 connection").ours().hint(),
    K::new("ws_any_subprotocol", BareFlag, "server: takes any subprotocol").ours().hint(),
];
