//! An engine of any profile with everything in vectors.

use core::marker::PhantomData;
use mainstay_tcp::index::Scan;
use mainstay_tcp::{Listener, Profile, Slot, Tables};

/// Everything in vectors, and nothing kept beside endpoints.
#[derive(Debug)]
pub(crate) struct Vecs<P>(PhantomData<P>);

impl<P: Profile> Tables for Vecs<P> {
    type Profile = P;
    type Slots = Vec<Slot<P>>;
    type Listeners = Vec<Listener>;
    type Index = Scan;
    type Memory = ();
}
