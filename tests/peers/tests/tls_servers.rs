//! The TLS servers and certificates other tests rely on are what they promise, seen by openssl, curl and the peers' logs.

use mainstay_test_support::peers::{Gnutls, Openssl};
use mainstay_test_support::{Leaf, Pki, Ran, Ready, Site, program};

/// What `openssl s_client` says of the server at `port`; its input ends at once.
fn client(site: &Site, port: u16, options: &[&str]) -> Ran {
    let connect = format!("127.0.0.1:{port}");
    let args =
        [&["s_client", "-connect", &connect, "-servername", "localhost"][..], options].concat();
    site.run(&program("openssl", "openssl"), &args)
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn openssl_agrees_on_which_certificates_are_good() {
    let site = Site::loopback("pki");
    let pki = Pki::new(&site);
    let rsa = pki.rsa_1024();
    let verify = |leaf: &Leaf| {
        let (ca, cert) = (pki.ca.cert_path(), leaf.cert_path());
        let name = [
            "verify",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "localhost",
            "-auth_level",
            "2",
        ];
        site.run(
            &program("openssl", "openssl"),
            &[&name[..], &["-CAfile", ca, "-untrusted", cert, cert]].concat(),
        )
    };
    for leaf in [&pki.server, &pki.chained] {
        let _verdict = verify(leaf).ok();
    }
    for (leaf, why) in [
        (&pki.expired, "expired"),
        (&pki.not_yet_valid, "not yet valid"),
        (&pki.wrong_host, "hostname mismatch"),
        (&pki.unknown_ca, "unable to get local issuer"),
        (&pki.self_signed, "self-signed"),
        (&pki.client_only, "purpose"),
        (&pki.client, "purpose"),
        (&rsa, "key too weak"),
    ] {
        let ran = verify(leaf);
        assert!(!ran.is_ok(), "{why}");
        assert!(ran.stderr.to_lowercase().contains(why), "{why}: {}", ran.stderr);
    }
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn curl_refuses_every_bad_certificate_an_openssl_server_presents() {
    let site = Site::namespace("bad-leaves");
    let pki = Pki::new(&site);
    let rsa = pki.rsa_1024();
    let fetch = |leaf: &Leaf| {
        let port = site.port();
        let _server = Openssl::new(port, leaf).page().lax().start(&site);
        site.curl(&[
            "--cacert",
            pki.ca.cert_path(),
            "-o",
            "/dev/null",
            &format!("https://localhost:{port}/"),
        ])
    };
    for leaf in [&pki.server, &pki.chained] {
        let _page = fetch(leaf).ok();
    }
    let bad = [
        &pki.expired,
        &pki.not_yet_valid,
        &pki.wrong_host,
        &pki.unknown_ca,
        &pki.self_signed,
        &pki.client_only,
        &rsa,
    ];
    for leaf in bad {
        // 60: the certificate cannot be verified.
        assert_eq!(fetch(leaf).code, Some(60), "{}", leaf.cert_path());
    }
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn openssl_speaks_the_version_and_the_protocol_it_is_told() {
    let site = Site::namespace("openssl");
    let pki = Pki::new(&site);
    let server = Openssl::new(4433, &pki.server).only("tls1_2").alpn("h2,mqtt").start(&site);
    let said = client(&site, 4433, &["-alpn", "mqtt"]).stdout;
    assert!(said.contains("Protocol  : TLSv1.2") && said.contains("ALPN protocol: mqtt"), "{said}");
    server.wait_for("ALPN protocols selected: mqtt");
    let _old = Openssl::new(4434, &pki.server).only("tls1_1").lax().start(&site);
    let said = client(&site, 4434, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]).stdout;
    assert!(said.contains("Protocol  : TLSv1.1"), "{said}");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn openssl_reverses_lines_and_wants_a_client_certificate() {
    let site = Site::namespace("openssl-verify");
    let pki = Pki::new(&site);
    let server = Openssl::new(4433, &pki.server).reversing().verify(&pki.ca).start(&site);
    let (cert, key) = (pki.client.cert_path(), pki.client.key_path());
    let args = ["s_client", "-quiet", "-connect", "127.0.0.1:4433", "-cert", cert, "-key", key];
    let mut with = site.start("client", &program("openssl", "openssl"), &args, &Ready::Started);
    with.type_in("abc\n");
    with.wait_for("cba");
    server.wait_for("CN = client.test");
    drop(with);
    let args = ["s_client", "-quiet", "-connect", "127.0.0.1:4433"];
    let without = site.start("without", &program("openssl", "openssl"), &args, &Ready::Started);
    without.wait_for("certificate required");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn gnutls_echoes_by_its_own_implementation() {
    let site = Site::namespace("gnutls");
    let pki = Pki::new(&site);
    let server = Gnutls::new(5556, &pki.server)
        .alpn("mqtt")
        .priority("NORMAL:-VERS-ALL:+VERS-TLS1.3")
        .start(&site);
    let args = [
        "s_client",
        "-quiet",
        "-connect",
        "127.0.0.1:5556",
        "-alpn",
        "mqtt",
        "-servername",
        "localhost",
    ];
    let mut client = site.start("client", &program("openssl", "openssl"), &args, &Ready::Started);
    client.type_in("there and back\n");
    client.wait_for("there and back");
    server.wait_for("TLS1.3");
}
