//! Other people's programs beyond a router and a link that loses one frame in a hundred, and we on a TUN: nginx, iperf3 both
//! ways, curl.
#![cfg(target_os = "linux")]

use core::net::SocketAddr;
use mainstay::{Outcome, Resolved};
use mainstay_host::own::WireKind;
use mainstay_peer_tests::own::{BEHIND, KERNEL, LINK, Lan, OURS, Pattern, Routed, Shape, Stack};
use mainstay_peer_tests::{Document, Rig};
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Endpoint, Push, State};
use mainstay_test_support::peers::Nginx;
use mainstay_test_support::{Ready, built, program};

const WAY: &str = "loss=1%,delay=1ms,reorder=1%,by=3,duplicate=1%";

/// Bytes of the page we serve.
const PAGE: u64 = 3_000_000;

fn routed(test: &str) -> Routed {
    Routed::new(test, WireKind::Tun, [WAY; 2], 1)
}

/// Both directions lost some, and went on.
fn assert_lossy(routed: &Routed) {
    for report in routed.report() {
        let counters = report.counters;
        assert!(counters.loss.frames > 0 && counters.held_back > 0, "{report:?}");
    }
}

fn shape() -> Shape {
    let mut shape = Shape::new(false);
    shape.kind = WireKind::Tun;
    shape.gateways = KERNEL.to_vec();
    shape
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_gives_and_takes_files() {
    let routed = routed("own-lossy-nginx");
    let far = routed.far();
    let port = far.port();
    let nginx = Nginx::new().everywhere().http(port).start(far);
    let body = Pattern::new().next(1_000_000);
    far.write("www/file", body);
    let to = format!(r#""endpoint":"server.test","port":{port},"protocol":"h1""#);
    let document = Document::new()
        .stream("get", &format!(r#"{to},"http_method":"GET","http_url":"file""#))
        .stream("put", &format!(r#"{to},"http_method":"PUT","http_url":"put/it""#));
    for address in BEHIND {
        Lan::over(routed.router(), |lan| {
            lan.wait_free();
            let mut rig = Rig::with(&document, |builder| {
                let resolver = Box::new(move |name: &str| {
                    (name == "server.test").then(|| Resolved::Addresses(vec![address]))
                });
                builder.links(shape().network(), vec![shape().link()]).resolver(resolver)
            });
            lan.wait_up();
            let (get, put) = (rig.stream("get"), rig.stream("put"));
            rig.fetch(&get);
            assert!(get.story().received == body);
            rig.post(&put, body);
            assert_eq!(put.story().ends(), [Outcome::Acknowledged]);
        });
        let path = far.dir().join("www/put/it");
        assert!(std::fs::read(&path).unwrap() == body);
        std::fs::remove_file(path).unwrap();
    }
    nginx.wait_for("\"PUT /put/it HTTP/1.1\" 201");
    assert_lossy(&routed);
}

/// `mainstay tcp` over our TUN.
fn words(role: &str, at: SocketAddr, more: &str) -> Vec<String> {
    let line = format!(
        "tcp {role} {at} {more} --link tun:{LINK} --address {}/24 --address {}/64 --gateway {} --gateway {}",
        OURS[0], OURS[1], KERNEL[0], KERNEL[1]
    );
    line.split_whitespace().map(str::to_owned).collect()
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn iperf3_serves_us_and_asks_us() {
    let routed = routed("own-lossy-iperf3");
    let (far, router) = (routed.far(), routed.router());
    let iperf3 = program("iperf3", "iperf3");
    for more in ["--send 3M -P 2", "--send 2M -R"] {
        let port = far.port();
        let serve = ["-s", "-1", "-J", "-p", &port.to_string()];
        let mut server = far.start("iperf3", &iperf3, &serve, &Ready::Port(port));
        let words = words("connect", (BEHIND[0], port).into(), &format!("--iperf3 {more}"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Lan::over(router, Lan::wait_free);
        let ran = router.run(&built("mainstay"), &words);
        assert_eq!(ran.code, Some(0), "{more}: {ran:?}");
        assert_eq!(server.wait_end(), Some(0), "{more}");
        assert!(ran.stderr.contains("peer counted"), "{ran:?}");
    }
    for more in ["-n 3M -P 2", "-n 2M -R"] {
        let port = far.port();
        let words = words("listen", (OURS[1], port).into(), "--iperf3");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Lan::over(router, Lan::wait_free);
        let mut ours = router.start("mainstay", &built("mainstay"), &words, &Ready::Started);
        Lan::over(router, Lan::wait_up);
        let line = format!("-c {} -p {port} -J {more}", OURS[1]);
        let ran = far.run(&iperf3, &line.split_whitespace().collect::<Vec<&str>>());
        assert_eq!(ran.code, Some(0), "{more}: {ran:?}\n{}", ours.log());
        assert_eq!(ours.wait_end(), Some(0), "{more}: {}", ours.log());
    }
    assert_lossy(&routed);
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn curl_gets_a_page_of_ours() {
    let routed = routed("own-lossy-curl");
    let far = routed.far();
    Lan::over(routed.router(), |lan| {
        let mut stack = Stack::open(lan, &shape());
        for family in [0, 1] {
            let port = far.port();
            let listener = stack.listen(OURS[family], port);
            let at = if family == 0 { OURS[0].to_string() } else { format!("[{}]", OURS[1]) };
            let url = format!("http://{at}:{port}/");
            let curl = program("curl", "curl");
            let args = ["-sS", "--globoff", "--noproxy", "", "-o", "page", &url];
            let mut curl = far.start("curl", &curl, &args, &Ready::Started);
            let handle = stack.accept(listener, 0).handle();
            let (mut request, mut page) = (Vec::new(), Pattern::new());
            let (mut asked, mut finished) = (false, false);
            stack.run_with(|stack| {
                let (now, network) = stack.network_mut();
                let Some(mut live) = network.at(now, handle) else { return true };
                let mut space = [0; 512];
                while let Ok(len @ 1..) = live.read(&mut space) {
                    request.extend_from_slice(&space[..len]);
                }
                if !asked && request.ends_with(b"\r\n\r\n") {
                    asked = true;
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {PAGE}\r\n\r\n");
                    assert_eq!(live.write(head.as_bytes(), Push::Now).unwrap(), head.len());
                }
                while asked && page.at() < PAGE {
                    let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
                    let next = page.next((PAGE - page.at()).min(room as u64));
                    if next.is_empty() {
                        break;
                    }
                    page.sent(live.write(next, Push::Now).unwrap());
                }
                if page.at() == PAGE && !finished {
                    finished = true;
                    live.finish().unwrap();
                }
                let state = live.endpoint().map_or(State::Closed, Endpoint::state);
                matches!(state, State::Closed | State::TimeWait)
            });
            assert_eq!(curl.wait_end(), Some(0), "{}", curl.log());
            let mut got = Pattern::new();
            got.received(&std::fs::read(far.dir().join("page")).unwrap());
            assert_eq!((got.at(), got.wrong()), (PAGE, None));
        }
    });
    assert_lossy(&routed);
}
