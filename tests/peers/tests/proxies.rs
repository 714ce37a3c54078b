//! The proxies other tests rely on do what their builders promise, seen by curl and by their own logs.

use mainstay_test_support::peers::{Microsocks, Nginx, Squid, Tinyproxy};
use mainstay_test_support::{Ran, Site};

const TARGET: &str = "http://127.0.0.1:8080/hello";

/// Fetches the target through a proxy, tunnelled.
fn through(site: &Site, proxy: &str, options: &[&str]) -> Ran {
    let args = [&["-p", "-x", proxy][..], options, &[TARGET]].concat();
    site.curl(&args)
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn squid_tunnels_for_its_user_alone() {
    let site = Site::namespace("squid");
    let _nginx = Nginx::new().http(8080).start(&site);
    let squid = Squid::new(3128).user("dev", "secret").start(&site);
    assert_eq!(through(&site, "http://127.0.0.1:3128", &["-U", "dev:secret"]).ok(), "hello\n");
    squid.server.wait_for("TCP_TUNNEL/200");
    assert!(!through(&site, "http://127.0.0.1:3128", &[]).is_ok());
    squid.server.wait_for("TCP_DENIED/407");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn squid_tunnels_for_everybody() {
    let site = Site::namespace("squid-open");
    let _nginx = Nginx::new().http(8080).start(&site);
    let _squid = Squid::new(3128).start(&site);
    assert_eq!(through(&site, "http://127.0.0.1:3128", &[]).ok(), "hello\n");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tinyproxy_tunnels_for_its_user_alone() {
    let site = Site::namespace("tinyproxy");
    let _nginx = Nginx::new().http(8080).start(&site);
    let tinyproxy = Tinyproxy::new(8888).user("dev", "secret").start(&site);
    assert_eq!(through(&site, "http://127.0.0.1:8888", &["-U", "dev:secret"]).ok(), "hello\n");
    tinyproxy.wait_for("CONNECT 127.0.0.1:8080");
    let refused = through(&site, "http://127.0.0.1:8888", &[]);
    assert!(refused.stderr.contains("407"), "{refused:?}");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn microsocks_connects_for_its_user_alone() {
    let site = Site::namespace("microsocks");
    let _nginx = Nginx::new().http(8080).start(&site);
    let microsocks = Microsocks::new(1080).user("dev", "secret").start(&site);
    assert_eq!(site.curl(&["-x", "socks5h://dev:secret@127.0.0.1:1080", TARGET]).ok(), "hello\n");
    microsocks.wait_for("connected to 127.0.0.1:8080");
    // 97: the proxy refused.
    assert_eq!(site.curl(&["-x", "socks5h://dev:wrong@127.0.0.1:1080", TARGET]).code, Some(97));
}
