//! HTTP/1, HTTP/2 and WebSocket as machines.

#![forbid(unsafe_code)]

pub mod h2;

mod request;

pub use http;
pub use request::{Body, Request, Response};
