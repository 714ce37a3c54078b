//! A client id for those who have none.

use mainstay_base::Rng;

/// Letters and digits every server takes, up to this many. MQTT 3.1.1 §3.1.3.1.
const RANDOM_LEN: usize = 23;
const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A random client id: 23 letters and digits, 136 bits. SS-560.
#[must_use]
pub fn random_client_id(rng: &mut Rng) -> String {
    let letter = |_| {
        let index = usize::try_from(rng.below(62)).unwrap_or(0);
        char::from(ALPHABET.get(index).copied().unwrap_or(b'0'))
    };
    (0..RANDOM_LEN).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers SS-560
    #[test]
    fn a_random_id_has_23_letters_and_digits_and_differs_each_time() {
        let mut rng = Rng::from_run(1);
        let (one, two) = (random_client_id(&mut rng), random_client_id(&mut rng));
        assert_eq!(one.len(), 23);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, two);
    }
}
