//! What the judgement needs to know of a certificate beyond what the library tells. RFC 5280 §4.
//!
//! A reader of DER that copies nothing and cannot panic. It decides nothing about trust paths:
//! that is the library's work.

use crate::limits::RSA_BITS_MIN;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `dNSName` in a `GeneralName`. RFC 5280 §4.2.1.6.
const DNS_NAME: u8 = 0x82;

/// id-at-commonName, 2.5.4.3. RFC 5280 appendix A.1.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// id-ce-subjectAltName, 2.5.29.17. RFC 5280 §4.2.1.6.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// rsaEncryption, 1.2.840.113549.1.1.1. RFC 8017 appendix A.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// Signatures over MD2, MD5 and SHA-1. RFC 8017 appendix A, RFC 5758 §3.2, RFC 3279 §2.2.2.
const WEAK_SIGNATURES: [&[u8]; 5] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x02],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x03],
];

/// The parts of a certificate that are judged here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Issuer and subject are the same name.
    pub(crate) self_issued: bool,
    /// Seconds since 1970, both ends inclusive.
    pub(crate) valid: (i64, i64),
    /// The last common name of the subject.
    pub(crate) common_name: Option<&'a [u8]>,
    /// A DNS name stands among the alternative names.
    pub(crate) has_dns_name: bool,
    /// An RSA key below `RSA_BITS_MIN`.
    pub(crate) weak_key: bool,
    /// Signed over a broken digest.
    pub(crate) weak_signature: bool,
    /// `SubjectPublicKeyInfo`, whole: what SPKI pins are a digest of (RFC 7469 §2.4).
    pub(crate) public_key: &'a [u8],
}

impl<'a> Facts<'a> {
    /// Reads `der`, or `None` when it is not a certificate.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Der(Der(der).take(SEQUENCE)?);
        let mut body = Der(outer.take(SEQUENCE)?);
        let mut algorithm = Der(outer.take(SEQUENCE)?);
        body.skip(VERSION);
        body.take(INTEGER)?;
        body.take(SEQUENCE)?;
        let issuer = body.take(SEQUENCE)?;
        let mut validity = Der(body.take(SEQUENCE)?);
        let subject = body.take(SEQUENCE)?;
        let public_key = body.take_whole(SEQUENCE)?;
        Some(Self {
            self_issued: issuer == subject,
            valid: (validity.time()?, validity.time()?),
            common_name: common_name(subject),
            has_dns_name: has_dns_name(body),
            weak_key: is_weak_key(public_key),
            weak_signature: WEAK_SIGNATURES.contains(&algorithm.take(OID)?),
            public_key,
        })
    }
}

/// Bytes not read yet.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Any element: tag, contents, and the whole with its header.
    fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (len.iter().fold(0, |sum, &byte| (sum << 8) | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (contents, after) = rest.split_at_checked(len)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some((tag, contents, whole))
    }

    /// The contents of the next element, which must have `tag`.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|element| element.0 == tag).map(|element| element.1)
    }

    /// The next element with its header, which must have `tag`.
    fn take_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|element| element.0 == tag).map(|element| element.2)
    }

    /// Passes the next element if it has `tag`.
    fn skip(&mut self, tag: u8) {
        let before = *self;
        if self.take(tag).is_none() {
            *self = before;
        }
    }

    /// `UTCTime` or `GeneralizedTime`, in seconds since 1970. RFC 5280 §4.1.2.5.
    fn time(&mut self) -> Option<i64> {
        let (tag, text, _) = self.next()?;
        let (year, rest) = match tag {
            UTC_TIME => match number(text.get(..2)?)? {
                year @ 50.. => (1900 + year, text.get(2..)?),
                year => (2000 + year, text.get(2..)?),
            },
            GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
            _ => return None,
        };
        let part = |at: usize| number(rest.get(at..at + 2)?);
        let (month, day) = (part(0)?, part(2)?);
        if rest.get(10..) != Some(b"Z") || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let days = days_since_1970(year, month, day);
        Some(((days * 24 + part(4)?) * 60 + part(6)?) * 60 + part(8)?)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, &digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Days of the proleptic Gregorian calendar; years begin in March so that the leap day is last.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    let mut names = Der(subject);
    while let Some(set) = names.take(SET) {
        let mut attribute = Der(Der(set).take(SEQUENCE)?);
        if attribute.take(OID)? == COMMON_NAME {
            found = attribute.next().map(|element| element.1);
        }
    }
    found
}

/// `body` stands behind the public key.
fn has_dns_name(mut body: Der<'_>) -> bool {
    while let Some((tag, contents, _)) = body.next() {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Der(Der(contents).take(SEQUENCE).unwrap_or_default());
        while let Some(extension) = extensions.take(SEQUENCE) {
            if names_dns(extension).unwrap_or(false) {
                return true;
            }
        }
    }
    false
}

fn names_dns(extension: &[u8]) -> Option<bool> {
    let mut extension = Der(extension);
    if extension.take(OID)? != SUBJECT_ALT_NAME {
        return Some(false);
    }
    let (mut tag, mut contents, _) = extension.next()?;
    if tag != OCTET_STRING {
        (tag, contents, _) = extension.next()?;
    }
    let mut names = Der(Der(contents).take(SEQUENCE).filter(|_| tag == OCTET_STRING)?);
    while let Some((tag, ..)) = names.next() {
        if tag == DNS_NAME {
            return Some(true);
        }
    }
    Some(false)
}

fn is_weak_key(public_key: &[u8]) -> bool {
    rsa_bits(public_key).is_some_and(|bits| bits < RSA_BITS_MIN)
}

/// The length of the modulus, for an RSA key.
fn rsa_bits(public_key: &[u8]) -> Option<usize> {
    let mut info = Der(Der(public_key).take(SEQUENCE)?);
    let mut algorithm = Der(info.take(SEQUENCE)?);
    if algorithm.take(OID)? != RSA {
        return None;
    }
    let key = info.take(BIT_STRING)?.strip_prefix(&[0])?;
    let modulus = Der(Der(key).take(SEQUENCE)?).take(INTEGER)?;
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let modulus = modulus.get(zeros..)?;
    let top = modulus.first()?.leading_zeros();
    (modulus.len() * 8).checked_sub(usize::try_from(top).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2040, 1, 1), 25_567);
        let at = |tag, text: &[u8]| {
            let mut element = vec![tag, u8::try_from(text.len()).unwrap()];
            element.extend_from_slice(text);
            Der(&element).time()
        };
        assert_eq!(at(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(at(GENERALIZED_TIME, b"20400101000001Z"), Some(25_567 * 86_400 + 1));
        assert_eq!(at(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(at(UTC_TIME, b"701301000000Z"), None);
        assert_eq!(at(UTC_TIME, b"7001010000Z"), None);
    }

    #[test]
    fn the_facts_of_a_generated_certificate_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["device.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, "device");
        let certificate = params.self_signed(&key).unwrap();
        let facts = Facts::read(certificate.der()).unwrap();
        assert!(facts.self_issued && facts.has_dns_name);
        assert!(!facts.weak_key && !facts.weak_signature);
        assert_eq!(facts.common_name, Some(&b"device"[..]));
        assert_eq!(facts.valid, (1_577_836_800, 2_524_608_000));
        assert_eq!(facts.public_key, rcgen::PublicKeyData::subject_public_key_info(&key));
    }

    #[test]
    fn every_truncation_and_flip_is_survived() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        for at in 0..der.len() {
            assert!(Facts::read(&der[..at]).is_none());
            let mut bad = der.clone();
            bad[at] ^= 0xff;
            let _ = Facts::read(&bad);
        }
    }
}
