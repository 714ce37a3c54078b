//! `mainstay explain`.

use super::args::Explain;
use super::exit::{Exit, Failure};
use super::send::undeclared;
use super::{document, print, setup};
use crate::{Misuse, Unexplained};
use std::sync::Arc;

/// Shows what a stream would do.
pub(crate) fn run(wanted: &Explain) -> Result<(), Failure> {
    let policy = Arc::new(document::load(&wanted.document)?);
    let blobs = Arc::new(setup::blobs(&wanted.device.blobs)?);
    let metadata: Vec<(String, Vec<u8>)> =
        wanted.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    if !policy.streamtypes.contains_key(&wanted.stream) {
        return Err(setup::unknown(&wanted.stream, &policy));
    }
    let explained = crate::explain(&policy, &wanted.stream, &metadata, &blobs);
    let explained = explained.map_err(|why| {
        if let Unexplained::Metadata(name, Misuse::NoSuchMetadata) = &why {
            return undeclared(&wanted.stream, name);
        }
        Failure::new(Exit::Policy, format!("{}: {why}", wanted.stream))
    })?;
    print(&explained.to_string())
}
