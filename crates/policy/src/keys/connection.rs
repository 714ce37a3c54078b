//! Keys of a streamtype: connection (SS-433, SS-434) and those of our own.

use super::Slot::{Anything, Flag, Number, Special as By, Text, U8, U16, U32};
use super::{Key, Special};
use crate::limits;
use crate::model::Streamtype;

type K = Key<Streamtype>;

pub(super) static KEYS: &[K] = &[
    K::new("alias_of", By(Special::Alias), "inherits every key of an earlier streamtype").ours(),
    K::new(
        "endpoint",
        Text(|s| &mut s.endpoint),
        "host name, address or URL; +path or +@name for a Unix socket; server: where to listen",
    )
    .template(),
    K::new("port", U16(|s| &mut s.port), "remote port; server: the port to listen on"),
    K::new("protocol", By(Special::Protocol), "what is spoken on the connection"),
    K::new("tls", Flag(|s| &mut s.tls), "whether the connection goes through TLS"),
    K::new(
        "tls_trust_store",
        Text(|s| &mut s.tls_trust_store),
        "the trust store that judges the peer; none means the system's",
    ),
    K::new(
        "client_cert",
        Number(|s| &mut s.client_cert, 0),
        "shows the client certificate of this number from the system blobs",
    ),
    K::new("via-socks5", By(Special::Socks), "SOCKS5 proxy of this streamtype"),
    K::new("via-http-proxy", By(Special::HttpProxy), "HTTP CONNECT proxy of this streamtype")
        .ours(),
    K::new("stack", By(Special::Stack), "the layers of the connection, spelled out").ours(),
    K::new("opportunistic", Flag(|s| &mut s.opportunistic), "connects only when asked to"),
    K::new("nailed_up", Flag(|s| &mut s.nailed_up), "connects when the stream is created"),
    K::new(
        "nailed_up_repeat",
        Flag(|s| &mut s.nailed_up_repeat),
        "with nailed_up: runs the transaction again after it completed",
    )
    .ours(),
    K::new("retry", By(Special::Retry), "the retry scheme; none means no retry at all"),
    K::new("timeout_ms", U32(|s| &mut s.timeout_ms), "default of start_timeout, milliseconds"),
    K::new(
        "swake_validity",
        Flag(|s| &mut s.swake_validity),
        "back-off and validity timers wake a suspended system",
    )
    .hint(),
    K::new("urgent_tx", Flag(|s| &mut s.urgent_tx), "what is sent goes before others").hint(),
    K::new("urgent_rx", Flag(|s| &mut s.urgent_rx), "what is received goes before others").hint(),
    K::new("long_poll", Flag(|s| &mut s.long_poll), "h2: half closed after the headers, immortal")
        .needed(),
    K::new("attr_priority", U8(|s| &mut s.attr_priority, 7), "socket priority; 7 needs privilege"),
    K::new("attr_low_latency", Flag(|s| &mut s.attr_low_latency), "IP type of service"),
    K::new("attr_high_throughput", Flag(|s| &mut s.attr_high_throughput), "IP type of service"),
    K::new("attr_high_reliability", Flag(|s| &mut s.attr_high_reliability), "IP type of service"),
    K::new("attr_low_cost", Flag(|s| &mut s.attr_low_cost), "IP type of service"),
    K::new("perf", Flag(|s| &mut s.perf), "telemetry of connecting, as payload").needed(),
    K::new("payload_fmt", Text(|s| &mut s.payload_fmt), "a label the application gets at create"),
    K::new("rideshare", Text(|s| &mut s.rideshare), "the next streamtype of the transaction")
        .needed(),
    K::new(
        "metadata",
        By(Special::Metadata),
        "values the application sets; each may be mapped to a header",
    ),
    K::new("plugins", Anything, "deprecated").hint(),
    K::new("local_sink", Flag(|s| &mut s.local_sink), "binds to a local sink only").needed(),
    K::new("use_auth", Text(|s| &mut s.use_auth), "the auth scheme the connection needs").needed(),
    K::new("aws_region", Text(|s| &mut s.aws_region), "the metadata that holds the region").hint(),
    K::new("aws_service", Text(|s| &mut s.aws_service), "the metadata that holds the service")
        .hint(),
    K::new(
        "direct_proto_str",
        Flag(|s| &mut s.direct_proto_str),
        "undeclared metadata names are header names",
    ),
    K::new(
        "tx_max",
        Number(|s| &mut s.tx_max, limits::TX_MAX_LEAST),
        "bytes offered to one tx callback",
    )
    .ours(),
    K::new("proxy_buflen", U32(|s| &mut s.proxy.proxy_buflen), "proxied: bytes of its buffer")
        .hint(),
    K::new(
        "proxy_buflen_rxflow_on_above",
        U32(|s| &mut s.proxy.proxy_on_above),
        "proxied: stops reading when so many bytes are queued to the client",
    )
    .hint(),
    K::new(
        "proxy_buflen_rxflow_off_below",
        U32(|s| &mut s.proxy.proxy_off_below),
        "proxied: reads again when fewer are queued",
    )
    .hint(),
    K::new("client_buflen", U32(|s| &mut s.proxy.client_buflen), "proxied: the client's buffer")
        .hint(),
    K::new(
        "client_buflen_rxflow_on_above",
        U32(|s| &mut s.proxy.client_on_above),
        "proxied client: stops reading when so many bytes are queued",
    )
    .hint(),
    K::new(
        "client_buflen_rxflow_off_below",
        U32(|s| &mut s.proxy.client_off_below),
        "proxied client: reads again when fewer are queued",
    )
    .hint(),
];
