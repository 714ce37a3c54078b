//! TCP: one endpoint in any state against any segments, and two with somebody between them.
//!
//! Invariants are those of `Endpoint::check`, which the engine runs after every change in such a build; here stand the
//! laws: what is drained is dry, deadlines lie ahead, bytes out are bytes in.

mod endpoint;
mod one;
mod pair;

pub use one::run as run_endpoint;
pub use pair::run as run_pair;
