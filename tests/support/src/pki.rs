//! Certificates for tests: one authority, good leaves, and one bad leaf for every way a certificate can be wrong.
//!
//! Dates are fixed and far away (2020, 2040), so no test needs a false clock to see one pass.

use crate::site::{Site, program};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a good server leaf is valid for.
const SERVER_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1", "server.test"];

/// A certificate with its key, as files and as bytes.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// PEM: the certificate, then its intermediates.
    pub cert: PathBuf,
    /// PEM, PKCS #8.
    pub key: PathBuf,
    /// The certificate alone, DER.
    pub der: Vec<u8>,
    /// The key, DER, PKCS #8.
    pub key_der: Vec<u8>,
}

/// Everything made for one site, below its folder `pki`.
#[derive(Debug)]
pub struct Pki {
    /// The authority every good leaf hangs on. Its key is there for tests that sign more.
    pub ca: Leaf,
    /// Good: `localhost`, `127.0.0.1`, `::1`, `server.test`.
    pub server: Leaf,
    /// Good, for the same names, but below an intermediate authority that the chain file brings along.
    pub chained: Leaf,
    /// Good, for a client: common name `client.test`.
    pub client: Leaf,
    /// Over since 2020.
    pub expired: Leaf,
    /// Valid from 2040.
    pub not_yet_valid: Leaf,
    /// Good, for `other.test` alone.
    pub wrong_host: Leaf,
    /// Good, below an authority nobody trusts.
    pub unknown_ca: Leaf,
    /// Its own issuer, and no authority.
    pub self_signed: Leaf,
    /// For clients only by its extended key usage.
    pub client_only: Leaf,
    /// `localhost` in the subject's common name, no alternative names.
    pub common_name_only: Leaf,
    /// An authority of the same kind that signed none of these.
    pub other_ca: Leaf,
    folder: PathBuf,
}

impl Pki {
    /// Makes all of it. About 20 ms.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        let folder = site.dir().join("pki");
        fs::create_dir_all(&folder).unwrap();
        let (ca, root) = authority(&folder, "ca", None);
        let (other_ca, stranger) = authority(&folder, "other-ca", None);
        let (intermediate, middle) = authority(&folder, "intermediate", Some(&root));
        let leaf = |name: &str, params: &CertificateParams| issue(&folder, name, params, &root);
        let chained = issue(&folder, "chained", &server(SERVER_NAMES), &middle);
        let chain = format!("{}{}", read(&chained.cert), read(&intermediate.cert));
        fs::write(&chained.cert, chain).unwrap();
        let mut common_name_only = server(&[]);
        common_name_only.distinguished_name.push(DnType::CommonName, "localhost");
        Self {
            server: leaf("server", &server(SERVER_NAMES)),
            client: leaf("client", &client()),
            expired: leaf("expired", &dated(2010, 2020)),
            not_yet_valid: leaf("not-yet-valid", &dated(2040, 2050)),
            wrong_host: leaf("wrong-host", &server(&["other.test"])),
            unknown_ca: issue(&folder, "unknown-ca", &server(SERVER_NAMES), &stranger),
            self_signed: self_signed(&folder, "self-signed", &server(SERVER_NAMES)),
            client_only: leaf("client-only", &for_clients(server(SERVER_NAMES))),
            common_name_only: leaf("common-name-only", &common_name_only),
            chained,
            ca,
            other_ca,
            folder,
        }
    }

    /// A server leaf that is good but for its key: RSA of 1024 bits. Made by openssl, as the library makes none so weak.
    #[must_use]
    pub fn rsa_1024(&self) -> Leaf {
        rsa_1024(&self.folder, &self.ca)
    }
}

impl Leaf {
    /// The certificate in base64 without line breaks, as policies hold it.
    #[must_use]
    pub fn base64(&self) -> String {
        pem_body(&read(&self.cert))
    }

    /// The key in base64 without line breaks.
    #[must_use]
    pub fn key_base64(&self) -> String {
        pem_body(&read(&self.key))
    }

    /// The path of the certificate's file, for a command line.
    #[must_use]
    pub fn cert_path(&self) -> &str {
        self.cert.to_str().unwrap()
    }

    /// The path of the key's file, for a command line.
    #[must_use]
    pub fn key_path(&self) -> &str {
        self.key.to_str().unwrap()
    }
}

fn authority(
    folder: &Path,
    name: &str,
    above: Option<&Issuer<'_, KeyPair>>,
) -> (Leaf, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, format!("Mainstay test {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    span(&mut params, 2020, 2040);
    let key = KeyPair::generate().unwrap();
    let cert = above
        .map_or_else(|| params.self_signed(&key), |issuer| params.signed_by(&key, issuer))
        .unwrap();
    let leaf = written(folder, name, &cert, &key);
    (leaf, Issuer::new(params, key))
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    span(&mut params, 2020, 2040);
    params
}

fn client() -> CertificateParams {
    let mut params = for_clients(server(&["client.test"]));
    params.distinguished_name.push(DnType::CommonName, "client.test");
    params
}

fn for_clients(mut params: CertificateParams) -> CertificateParams {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn dated(from: i32, until: i32) -> CertificateParams {
    let mut params = server(SERVER_NAMES);
    span(&mut params, from, until);
    params
}

fn span(params: &mut CertificateParams, from: i32, until: i32) {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
}

fn issue(
    folder: &Path,
    name: &str,
    params: &CertificateParams,
    issuer: &Issuer<'_, KeyPair>,
) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let cert = params.clone().signed_by(&key, issuer).unwrap();
    written(folder, name, &cert, &key)
}

fn self_signed(folder: &Path, name: &str, params: &CertificateParams) -> Leaf {
    let key = KeyPair::generate().unwrap();
    written(folder, name, &params.self_signed(&key).unwrap(), &key)
}

fn written(folder: &Path, name: &str, cert: &Certificate, key: &KeyPair) -> Leaf {
    let leaf = Leaf {
        cert: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
        der: cert.der().to_vec(),
        key_der: key.serialize_der(),
    };
    fs::write(&leaf.cert, cert.pem()).unwrap();
    fs::write(&leaf.key, key.serialize_pem()).unwrap();
    leaf
}

fn rsa_1024(folder: &Path, ca: &Leaf) -> Leaf {
    let path = |end: &str| folder.join(format!("rsa-1024.{end}")).to_str().unwrap().to_owned();
    let (cert, key, request, extensions) = (path("pem"), path("key"), path("csr"), path("ext"));
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,DNS:server.test\nextendedKeyUsage=serverAuth\n";
    fs::write(&extensions, names).unwrap();
    openssl(&[
        "req",
        "-new",
        "-newkey",
        "rsa:1024",
        "-nodes",
        "-subj",
        "/CN=rsa 1024",
        "-keyout",
        &key,
        "-out",
        &request,
    ]);
    let signed = [
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        ca.cert_path(),
        "-CAkey",
        ca.key_path(),
        "-set_serial",
        "1024",
    ];
    openssl(&[&signed[..], &["-days", "4000", "-extfile", &extensions, "-out", &cert]].concat());
    openssl(&["x509", "-in", &cert, "-outform", "DER", "-out", &path("der")]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-nocrypt",
        "-in",
        &key,
        "-outform",
        "DER",
        "-out",
        &path("key.der"),
    ]);
    let (der, key_der) = (fs::read(path("der")).unwrap(), fs::read(path("key.der")).unwrap());
    Leaf { cert: cert.into(), key: key.into(), der, key_der }
}

fn openssl(args: &[&str]) {
    let output = Command::new(program("openssl", "openssl")).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "openssl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// What stands between the first pair of PEM's lines.
fn pem_body(pem: &str) -> String {
    pem.lines().skip(1).take_while(|l| !l.starts_with("-----")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_der_of_the_file() {
        let site = Site::loopback("base64");
        let pki = Pki::new(&site);
        // 3 bytes become 4 characters.
        assert_eq!(pki.server.base64().len(), pki.server.der.len().div_ceil(3) * 4);
        assert_eq!(pki.server.key_base64().len(), pki.server.key_der.len().div_ceil(3) * 4);
        assert!(pki.server.base64().starts_with("MII"));
    }
}
