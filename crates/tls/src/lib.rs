//! TLS as a byte layer, client and server, over rustls.
