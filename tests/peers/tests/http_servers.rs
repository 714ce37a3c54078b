//! The HTTP servers other tests rely on do what their builders promise, seen by curl and nghttp and by their own logs.

use mainstay_test_support::peers::{Apache, Nghttpd, Nginx};
use mainstay_test_support::{Pki, Site, program};

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_serves_every_door_and_logs_what_came_through_it() {
    let site = Site::namespace("nginx-doors");
    let pki = Pki::new(&site);
    let nginx = Nginx::new()
        .http(8080)
        .h2c(8081)
        .https(8443, &pki.server)
        .h2(8444, &pki.chained)
        .mutual(8445, &pki.server, &pki.ca)
        .start(&site);
    let ca = pki.ca.cert_path();
    assert_eq!(site.curl(&["http://127.0.0.1:8080/hello"]).ok(), "hello\n");
    assert_eq!(
        site.curl(&["--http2-prior-knowledge", "http://127.0.0.1:8081/hello"]).ok(),
        "hello\n"
    );
    assert_eq!(site.curl(&["--cacert", ca, "https://localhost:8443/hello"]).ok(), "hello\n");
    assert_eq!(site.curl(&["--cacert", ca, "https://localhost:8444/hello"]).ok(), "hello\n");
    let (cert, key) = (pki.client.cert_path(), pki.client.key_path());
    let mutual = ["--cacert", ca, "--cert", cert, "--key", key, "https://localhost:8445/hello"];
    assert_eq!(site.curl(&mutual).ok(), "hello\n");
    nginx.wait_for("8080 \"GET /hello HTTP/1.1\" 200 sent=6");
    nginx.wait_for("8081 \"GET /hello HTTP/2.0\" 200");
    nginx.wait_for("8443 \"GET /hello HTTP/1.1\" 200");
    nginx.wait_for("8444 \"GET /hello HTTP/2.0\" 200");
    nginx.wait_for("client=\"CN=client.test\"");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_takes_bodies_and_gives_files_and_statuses() {
    let site = Site::namespace("nginx-bodies");
    let nginx = Nginx::new().http(8080).start(&site);
    site.write("www/file", "x".repeat(50_000));
    assert_eq!(site.curl(&["http://127.0.0.1:8080/file"]).ok().len(), 50_000);
    let chunked = site.curl(&["-i", "http://127.0.0.1:8080/chunked/file"]).ok();
    assert!(chunked.contains("Transfer-Encoding: chunked"), "{}", &chunked[..200]);
    assert_eq!(site.curl(&["-d", "some=body", "http://127.0.0.1:8080/post"]).ok(), "posted\n");
    nginx.wait_for("body=\"some=body\"");
    let _created = site.curl(&["-T", "www/file", "http://127.0.0.1:8080/put/copy"]).ok();
    assert_eq!(site.read("www/put/copy").len(), 50_000);
    for code in ["204", "401", "404", "429", "500", "503"] {
        let url = format!("http://127.0.0.1:8080/status/{code}");
        assert_eq!(site.curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]).ok(), code);
    }
    assert_eq!(site.curl(&["-L", "http://127.0.0.1:8080/redirect"]).ok(), "hello\n");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nghttpd_speaks_h2_and_prints_its_frames() {
    let site = Site::namespace("nghttpd");
    let pki = Pki::new(&site);
    let clear = Nghttpd::clear(8080).echo().start(&site);
    let nghttp = program("nghttp", "nghttp2-client");
    site.write("body", "posted by h2");
    assert_eq!(
        site.run(&nghttp, &["-d", "body", "http://127.0.0.1:8080/any"]).ok(),
        "posted by h2"
    );
    clear.wait_for("recv DATA frame");
    drop(clear);
    let tls = Nghttpd::tls(8443, &pki.server).option("--max-concurrent-streams=1").start(&site);
    site.write("h2www/file", "content");
    assert_eq!(
        site.curl(&["--cacert", pki.ca.cert_path(), "https://localhost:8443/file"]).ok(),
        "content"
    );
    tls.wait_for("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):1");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn apache_speaks_h2_over_tls_and_in_the_clear() {
    let site = Site::namespace("apache");
    let pki = Pki::new(&site);
    let apache = Apache::new().http(8080).https(8443, &pki.server).start(&site);
    site.write("apache/www/file", "content");
    assert_eq!(
        site.curl(&["--cacert", pki.ca.cert_path(), "https://localhost:8443/file"]).ok(),
        "content"
    );
    assert_eq!(
        site.curl(&["--http2-prior-knowledge", "http://127.0.0.1:8080/file"]).ok(),
        "content"
    );
    apache.wait_for("8443 \"GET /file HTTP/2.0\" 200 HTTP/2.0");
    apache.wait_for("8080 \"GET /file HTTP/2.0\" 200 HTTP/2.0");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn two_sites_do_not_see_each_other() {
    let (here, there) = (Site::namespace("here"), Site::namespace("there"));
    let _nginx = Nginx::new().http(8080).start(&here);
    assert!(here.curl(&["http://127.0.0.1:8080/hello"]).is_ok());
    // 7: could not connect.
    assert_eq!(there.curl(&["http://127.0.0.1:8080/hello"]).code, Some(7));
}
