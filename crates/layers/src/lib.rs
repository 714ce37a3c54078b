//! Layered connections: TLS and proxies stacked on a transport.
