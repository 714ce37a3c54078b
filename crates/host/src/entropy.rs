//! Randomness of the operating system, to seed a node's generator once.

use std::io;

/// 32 bytes nobody can guess.
///
/// # Errors
/// When the operating system has none, which ends the start of a device.
pub fn entropy() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        error.raw_os_error().map_or_else(
            || io::Error::other("the system has no entropy"),
            io::Error::from_raw_os_error,
        )
    })?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(entropy().unwrap(), entropy().unwrap());
    }
}
