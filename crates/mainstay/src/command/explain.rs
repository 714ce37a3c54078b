//! `mainstay explain`.

use super::args::Explain;
use super::exit::{Exit, Failure};
use super::{document, print, setup};
use std::sync::Arc;

/// Shows what a stream would do.
pub(crate) fn run(wanted: &Explain) -> Result<(), Failure> {
    let policy = Arc::new(document::load(&wanted.document)?);
    let blobs = Arc::new(setup::blobs(&wanted.device.blobs)?);
    let metadata: Vec<(String, Vec<u8>)> =
        wanted.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let explained = crate::explain(&policy, &wanted.stream, &metadata, &blobs)
        .map_err(|why| Failure::new(Exit::Policy, format!("{}: {why}", wanted.stream)))?;
    print(&explained.to_string())
}
