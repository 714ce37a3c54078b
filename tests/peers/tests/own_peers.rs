//! Other people's programs over the kernel's TCP as peers of ours: curl and h2load that come to us, socat both ways.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_peer_tests::own::{Flow, KERNEL, Lan, OURS, Pattern, Shape, Stack};
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Disconnected, Endpoint, Handle, ListenerHandle, Push, State};
use mainstay_test_support::{Ran, Ready, program};
use std::thread;

const MIB: u64 = 1 << 20;

/// What a pipe takes at once: socat waits for ever for its own pipe when there is more.
const IN_A_PIPE: u64 = 60_000;

/// Bytes of every page.
const PAGE: u64 = 300_000;

/// A server of HTTP/1.1 that has one page.
struct Responder {
    listeners: Vec<ListenerHandle>,
    visits: Vec<Visit>,
    came: usize,
    served: usize,
}

/// One connection to it.
struct Visit {
    handle: Handle,
    request: Vec<u8>,
    out: Vec<u8>,
    closes: bool,
    finished: bool,
}

impl Responder {
    fn new(stack: &mut Stack, port: u16) -> Self {
        let listeners = OURS.iter().map(|address| stack.listen(*address, port)).collect();
        Self { listeners, visits: Vec::new(), came: 0, served: 0 }
    }

    /// Serves until `done`.
    fn run(&mut self, stack: &mut Stack, done: impl Fn(&Self) -> bool) {
        stack.run_with(|stack| {
            let (now, network) = stack.network_mut();
            for listener in &self.listeners {
                while let Some(handle) = network.accept(*listener, 0) {
                    self.came += 1;
                    let (request, out) = (Vec::new(), Vec::new());
                    self.visits.push(Visit {
                        handle,
                        request,
                        out,
                        closes: false,
                        finished: false,
                    });
                }
            }
            for visit in &mut self.visits {
                let mut live = network.at(now, visit.handle).unwrap();
                let mut buffer = [0; 4096];
                let len = live.read(&mut buffer).unwrap_or(0);
                visit.request.extend_from_slice(&buffer[..len]);
                self.served += visit.answer();
                let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room());
                let piece = room.min(visit.out.len());
                if piece > 0 && live.write(&visit.out[..piece], Push::Now).is_ok() {
                    visit.out.drain(..piece);
                }
                let over = live.endpoint().is_some_and(Endpoint::is_end_of_stream) || visit.closes;
                if over && visit.out.is_empty() && !visit.finished {
                    visit.finished = true;
                    live.finish().unwrap();
                }
            }
            self.visits.retain(|visit| {
                let state = network.engine().endpoint(visit.handle).map(Endpoint::state);
                let stays = !matches!(state, None | Some(State::Closed | State::TimeWait));
                if state == Some(State::Closed) {
                    network.release(now, visit.handle);
                }
                stays
            });
            done(self)
        });
    }
}

impl Visit {
    /// Answers every whole request that has come; how many there were.
    fn answer(&mut self) -> usize {
        let mut count = 0;
        while let Some(end) = self.request.windows(4).position(|four| four == b"\r\n\r\n") {
            let request: Vec<u8> = self.request.drain(..end + 4).collect();
            self.closes |= String::from_utf8_lossy(&request).contains("Connection: close");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {PAGE}\r\n\r\n");
            self.out.extend_from_slice(head.as_bytes());
            self.out.extend_from_slice(Pattern::new().next(PAGE));
            count += 1;
        }
        count
    }
}

/// Serves while a program runs.
fn serve(stack: &mut Stack, responder: &mut Responder, run: impl FnOnce() -> Ran + Send) -> String {
    thread::scope(|scope| {
        let program = scope.spawn(run);
        responder.run(stack, |_| program.is_finished());
        program.join().unwrap().ok()
    })
}

fn url(family: usize, port: u16) -> String {
    let address = OURS[family];
    if family == 0 {
        format!("http://{address}:{port}/")
    } else {
        format!("http://[{address}]:{port}/")
    }
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn curl_fetches_from_us_over_one_connection_and_over_many() {
    Lan::run("own-curl", |lan| {
        let site = lan.site();
        let read = |page: &str| std::fs::read(site.dir().join(page)).unwrap();
        for offload in [true, false] {
            let mut stack = Stack::open(lan, &Shape::new(offload));
            let port = site.port();
            let mut responder = Responder::new(&mut stack, port);
            for family in [0, 1] {
                let one = ["--globoff", "-o", "page", &url(family, port)];
                let _empty = serve(&mut stack, &mut responder, || site.curl(&one));
                assert!(read("page") == Pattern::new().next(PAGE));
            }
            let urls = format!("{}[1-30]", url(0, port));
            let kept = ["-o", "kept#1", &urls];
            let _empty = serve(&mut stack, &mut responder, || site.curl(&kept));
            assert_eq!(responder.came, 2 + 1, "one connection for all");
            let close = "Connection: close";
            let many = ["-Z", "--parallel-max", "10", "-H", close, "-o", "many#1", &urls];
            let _empty = serve(&mut stack, &mut responder, || site.curl(&many));
            assert_eq!(responder.came, 2 + 1 + 30);
            for page in ["kept1", "kept17", "kept30", "many1", "many17", "many30"] {
                assert!(read(page) == Pattern::new().next(PAGE), "{page}");
            }
            assert_eq!(responder.served, 62);
            responder.run(&mut stack, |responder| responder.visits.is_empty());
        }
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn h2load_finds_no_fault_in_fifty_connections_over_http1() {
    Lan::run("own-h2load", |lan| {
        let site = lan.site();
        let mut stack = Stack::open(lan, &Shape::new(true));
        let port = site.port();
        let mut responder = Responder::new(&mut stack, port);
        let url = url(0, port);
        let h2load = program("h2load", "nghttp2-client");
        let said = serve(&mut stack, &mut responder, || {
            site.run(&h2load, &["--h1", "-c", "50", "-n", "2000", &url])
        });
        assert!(said.contains("2000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
        assert_eq!((responder.came, responder.served), (50, 2000), "{said}");
        responder.run(&mut stack, |responder| responder.visits.is_empty());
    });
}

// Covers TCP-702
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn socat_echoes_what_we_send_and_sends_what_it_reads() {
    Lan::run("own-socat", |lan| {
        let site = lan.site();
        let socat = program("socat", "socat");
        let mut stack = Stack::open(lan, &Shape::new(true));
        for family in [0, 1] {
            let port = site.port();
            let kind = ["TCP4", "TCP6"][family];
            // It goes on echoing after our end (-t), and ends after it.
            let listen = format!("{kind}-LISTEN:{port}");
            let mut echo =
                site.start("socat", &socat, &["-t", "10", &listen, "PIPE"], &Ready::Port(port));
            let flow = stack.connect((KERNEL[family], port).into(), IN_A_PIPE);
            let flow = stack.finish(flow);
            assert_eq!((flow.received(), flow.ended()), (IN_A_PIPE, Some(Disconnected::TimeWait)));
            assert_eq!(echo.wait_end(), Some(0));

            // It writes a file.
            let port = site.port();
            let (listen, to) = (format!("{kind}-LISTEN:{port}"), "OPEN:taken,creat,trunc");
            let mut taker =
                site.start("socat-in", &socat, &["-u", &listen, to], &Ready::Port(port));
            let flow = stack.connect((KERNEL[family], port).into(), 3 * MIB);
            let flow = stack.finish(flow);
            assert_eq!((flow.received(), taker.wait_end()), (0, Some(0)));
            let mut taken = Pattern::new();
            taken.received(&std::fs::read(site.dir().join("taken")).unwrap());
            assert_eq!((taken.at(), taken.wrong()), (3 * MIB, None));

            // It comes to us with that file and closes.
            let path = site.dir().join("taken");
            let listener = stack.listen(OURS[family], port);
            let from = format!("OPEN:{}", path.display());
            let address = if family == 0 { OURS[0].to_string() } else { format!("[{}]", OURS[1]) };
            let to = format!("{kind}:{address}:{port}");
            let mut socat = site.start("socat-out", &socat, &["-u", &from, &to], &Ready::Started);
            let flow = stack.accept(listener, 0);
            let flow: Flow = stack.finish(flow);
            assert_eq!(flow.received(), 3 * MIB);
            assert_eq!(socat.wait_end(), Some(0));
        }
    });
}
