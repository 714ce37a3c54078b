//! Links against the kernel's own stack: TAP, TUN and packet sockets, each in a namespace of its own.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; what enters a namespace is a thread made for it"
)]

#[path = "link_frames/wire.rs"]
mod wire;

use core::time::Duration;
use mainstay_host::link::{
    Batch, Gso, GsoKind, Link, LinkCounters, LinkKind, LinkOptions, Offload, Partial, Sent,
    enter_namespace,
};
use mainstay_test_support::{Deadline, Site, program, wait_until};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::fs::read_link;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use wire::{KERNEL, OURS, OURS_MAC, Tcp};

const PATIENCE: Duration = Duration::from_secs(5);
const FRAME_MAX: usize = 64 * 1024;

/// Runs the test in a thread that is in the site's namespace, with everything it opens or starts.
fn within(site: &Site, test: impl FnOnce() + Send) {
    let before = read_link("/proc/thread-self/ns/net").unwrap();
    let network = site.network().unwrap();
    thread::scope(|scope| {
        let inside = scope.spawn(move || {
            enter_namespace(&network).unwrap();
            test();
        });
        if let Err(panic) = inside.join() {
            std::panic::resume_unwind(panic);
        }
    });
    assert_eq!(read_link("/proc/thread-self/ns/net").unwrap(), before);
}

fn ip(site: &Site, command: &str) -> String {
    let args: Vec<&str> = command.split_whitespace().collect();
    site.run(&program("ip", "iproute2"), &args).ok()
}

/// An interface that is up, with the kernel's address on it and ours known as its neighbour.
fn open(site: &Site, kind: LinkKind, offload: bool) -> Link {
    open_with(site, kind, offload, false)
}

fn open_with(site: &Site, kind: LinkKind, offload: bool, threaded: bool) -> Link {
    let options = LinkOptions { name: "ms%d".to_owned(), kind, offload, threaded };
    let link = Link::open(&options).unwrap();
    let name = link.name().to_owned();
    assert_eq!(name, "ms0");
    link.set_up().unwrap();
    ip(site, &format!("addr add 10.77.0.1/24 dev {name}"));
    link
}

fn know_us(site: &Site, interface: &str) {
    ip(site, &format!("neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev {interface}"));
}

/// Two interfaces joined by a wire: the kernel's, `near`, has its address, and `far` is for our link.
fn veth(site: &Site) {
    ip(site, "link add near type veth peer name far");
    ip(site, "addr add 10.77.0.1/24 dev near");
    ip(site, "link set near up");
    ip(site, "link set far up");
    wait_wired(site);
}

/// The kernel learns a little later that a wire's other end is up, and drops what it is to send before.
fn wait_wired(site: &Site) {
    let wired = || ip(site, "link show near").contains("qdisc noqueue state UP");
    assert!(wait_until(PATIENCE, wired));
}

fn wait_readable(link: &Link) {
    let tick = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let _count = poll(&mut [PollFd::new(link, PollFlags::IN)], Some(&tick)).unwrap();
}

/// The next frame of the kind asked for; others (the kernel talks by itself) are passed over.
fn next(link: &mut Link, wanted: impl Fn(&Offload, &[u8]) -> bool) -> (Offload, Vec<u8>) {
    let mut frame = vec![0; FRAME_MAX];
    let deadline = Deadline::after(PATIENCE);
    while !deadline.is_over() {
        match link.receive(&mut frame).unwrap() {
            Some((len, offload)) if wanted(&offload, &frame[..len]) => {
                return (offload, frame[..len].to_vec());
            }
            Some(_) => {}
            None => wait_readable(link),
        }
    }
    unreachable!("no such frame came within {PATIENCE:?}");
}

fn send(link: &mut Link, offload: Offload, parts: &[&[u8]]) {
    let parts: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    assert_eq!(link.send(offload, &parts).unwrap(), Sent::Done);
}

/// A kernel's socket that talks to us.
fn talker() -> UdpSocket {
    let socket = UdpSocket::bind((KERNEL, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect((OURS, 9)).unwrap();
    socket
}

fn checksum_at(start: u16, offset: u16) -> Offload {
    Offload { partial: Some(Partial { start, offset }), ..Offload::default() }
}

// Covers TCP-606
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_kernel_finds_us_behind_a_tap_and_we_find_it() {
    let site = Site::namespace("link-tap");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tap, true);
        let socket = talker();
        socket.send(b"hello").unwrap();
        let (offload, request) = next(&mut link, |_, frame| wire::is_arp_for(frame, OURS));
        assert_eq!((offload, &request[6..12]), (Offload::default(), &link.hardware().unwrap()[..]));

        let answer = wire::arp(2, link.hardware().unwrap(), KERNEL);
        send(&mut link, Offload::default(), &[&answer[..14], &answer[14..]]);
        let (offload, hello) = next(&mut link, |_, frame| wire::is_udp(frame));
        assert_eq!(offload.partial, checksum_at(34, 6).partial);
        assert_eq!(hello[42..], *b"hello");

        // A checksum left to the kernel.
        let reply = wire::udp_reply(&hello, b"well met");
        send(&mut link, checksum_at(34, 6), &[&reply]);
        let mut text = [0; 20];
        assert_eq!(socket.recv(&mut text).unwrap(), 8);

        let request = wire::arp(1, [0xff; 6], KERNEL);
        send(&mut link, Offload::default(), &[&request]);
        let (_, answer) = next(&mut link, |_, frame| wire::is_arp_from(frame, KERNEL));
        assert_eq!(answer[22..28], link.hardware().unwrap());
        assert_eq!(link.counters(), LinkCounters::default());
    });
}

/// A kernel's connection to us: it writes `written` bytes, and reads `read` bytes, which it returns.
fn client(written: usize, read: usize) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut stream = TcpStream::connect((OURS, 80)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&vec![b'k'; written]).unwrap();
        let mut bytes = vec![0; read];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    })
}

/// Plays TCP's server for one connection, with everything left undone that can be: both sides send
/// frames of several segments, without checksums. `start`: where TCP begins in a frame.
fn exchange_segments(link: &mut Link, start: u16) {
    let mss = 1000;
    let at = usize::from(start);
    let kernel = client(6000, 4500);
    let (offload, syn) = next(link, |_, frame| wire::is_syn(frame, at));
    assert_eq!(offload.partial, checksum_at(start, 16).partial);
    assert_eq!(offload.gso, None);

    let answer = Tcp::answering(&syn, at);
    send(link, checksum_at(start, 16), &[&answer.syn_ack(mss)]);
    let (offload, frame) = next(link, |offload, _| offload.gso.is_some());
    let cut = offload.gso.unwrap();
    assert_eq!((cut.kind, cut.ecn, cut.size), (GsoKind::TcpV4, false, mss));
    assert_eq!(offload.partial, checksum_at(start, 16).partial);
    assert!(frame.len() > at + 20 + usize::from(mss));

    let text: Vec<u8> = (0..4500_u32).map(|n| n.to_be_bytes()[3]).collect();
    let header = answer.text_header(text.len());
    let header_len = u16::try_from(header.len()).unwrap();
    let offload = Offload { gso: Some(Gso { header_len, ..cut }), ..checksum_at(start, 16) };
    // One frame, in as many parts as there may be.
    let parts: Vec<&[u8]> = core::iter::once(&header[..]).chain(text.chunks(700)).collect();
    assert_eq!(parts.len(), 8);
    send(link, offload, &parts);
    assert_eq!(kernel.join().unwrap(), text);
}

// Covers TCP-606
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tcp_over_a_tap_leaves_checksums_and_segmentation_undone_both_ways() {
    let site = Site::namespace("link-tap-tcp");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tap, true);
        know_us(&site, link.name());
        exchange_segments(&mut link, 34);
    });
}

// Covers TCP-606
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tcp_over_a_tun_does_so_without_a_link_header() {
    let site = Site::namespace("link-tun-tcp");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tun, true);
        assert_eq!((link.kind(), link.hardware().unwrap()), (LinkKind::Tun, [0; 6]));
        exchange_segments(&mut link, 20);
    });
}

// Covers TCP-606
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tcp_over_a_packet_socket_does_so_too() {
    let site = Site::namespace("link-packet-tcp");
    within(&site, || {
        veth(&site);
        know_us(&site, "near");
        let mut link = Link::packet("far", true).unwrap();
        exchange_segments(&mut link, 34);
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn without_offload_frames_come_complete() {
    let site = Site::namespace("link-plain");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tap, false);
        know_us(&site, link.name());
        talker().send(b"complete").unwrap();
        let (offload, frame) = next(&mut link, |_, frame| wire::is_udp(frame));
        assert_eq!(offload, Offload::default());
        assert_eq!(wire::transport_sum(&frame[14..]), 0xffff);
        // Into a place for the longest they come by another call.
        talker().send(b"and again").unwrap();
        let mut longest = vec![0; 1 << 17];
        let deadline = Deadline::after(PATIENCE);
        let again = loop {
            match link.receive(&mut longest).unwrap() {
                Some((len, offload)) if wire::is_udp(&longest[..len]) => break (len, offload),
                Some(_) => {}
                None => wait_readable(&link),
            }
            assert!(!deadline.is_over());
        };
        assert_eq!(again, (14 + 20 + 8 + 9, Offload::default()));
        // What is left undone cannot be said; what is complete goes in one part or several.
        let request = wire::arp(1, [0xff; 6], KERNEL);
        let parts = [IoSlice::new(&request)];
        let error = link.send(checksum_at(34, 6), &parts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        for parts in [&[&request[..]][..], &[&request[..14], &request[14..]]] {
            send(&mut link, Offload::default(), parts);
            next(&mut link, |_, frame| wire::is_arp_from(frame, KERNEL));
        }
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_kernel_answers_our_ping_over_a_tun() {
    let site = Site::namespace("link-tun");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tun, true);
        send(&mut link, Offload::default(), &[&wire::ping(7)]);
        let (_, answer) = next(&mut link, |_, packet| wire::is_pong(packet, 7));
        assert_eq!(answer[12..16], KERNEL.octets());
    });
}

/// Pings through a packet socket, many in each call.
fn ping_many(link: &mut Link, header: [u8; 14], count: u16) {
    let mut batch = Batch::new(usize::from(count), 2000);
    for number in 0..count {
        let ping = wire::ping(number);
        assert!(batch.push(Offload::default(), &[IoSlice::new(&header), IoSlice::new(&ping)]));
    }
    let (mut sent, mut pongs) = (0, Vec::new());
    let deadline = Deadline::after(PATIENCE);
    let mut received = Batch::new(50, 2000);
    while pongs.len() < usize::from(count) && !deadline.is_over() {
        sent += link.send_many(&mut batch).unwrap();
        if link.receive_many(&mut received).unwrap() == 0 {
            wait_readable(link);
        }
        let numbers = (0..count).filter(|&n| {
            received.frames().any(|(_, f)| f[12..14] == [8, 0] && wire::is_pong(&f[14..], n))
        });
        pongs.extend(numbers);
    }
    assert!(batch.is_empty());
    assert_eq!((sent, pongs), (usize::from(count), (0..count).collect()));
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn many_frames_go_through_one_call_in_order() {
    let site = Site::namespace("link-many");
    within(&site, || {
        veth(&site);
        know_us(&site, "near");
        for offload in [true, false] {
            let mut link = Link::packet("far", offload).unwrap();
            send(&mut link, Offload::default(), &[&wire::arp(1, [0xff; 6], KERNEL)]);
            let (_, answer) = next(&mut link, |_, frame| wire::is_arp_from(frame, KERNEL));
            let near = answer[22..28].try_into().unwrap();
            ping_many(&mut link, wire::ethernet(near, 0x0800), 70);
        }
    });
    let site = Site::namespace("link-many-tap");
    within(&site, || {
        let mut link = open(&site, LinkKind::Tap, true);
        know_us(&site, link.name());
        let header = wire::ethernet(link.hardware().unwrap(), 0x0800);
        ping_many(&mut link, header, 70);
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_thread_of_the_kernel_s_takes_what_we_send_where_we_may_have_one() {
    let site = Site::namespace("link-threaded");
    let ping_through = |offload: bool, threaded: bool| {
        let mut link = open_with(&site, LinkKind::Tap, offload, true);
        assert_eq!(link.is_threaded(), threaded);
        know_us(&site, link.name());
        let header = wire::ethernet(link.hardware().unwrap(), 0x0800);
        ping_many(&mut link, header, 70);
    };
    within(&site, || {
        ping_through(false, true);
        ping_through(true, true);
        let mut link = open_with(&site, LinkKind::Tun, false, true);
        assert!(link.is_threaded());
        send(&mut link, Offload::default(), &[&wire::ping(7)]);
        next(&mut link, |_, packet| wire::is_pong(packet, 7));
        drop(link);
        assert!(!open(&site, LinkKind::Tap, false).is_threaded());
        // Who may not see this namespace's interfaces cannot switch it on, and has the link all the same.
        let mut rights = capabilities(None).unwrap();
        rights.effective.remove(CapabilitySet::SYS_ADMIN);
        set_capabilities(None, rights).unwrap();
        ping_through(false, false);
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_frame_longer_than_its_place_is_counted_and_skipped() {
    let site = Site::namespace("link-truncated");
    within(&site, || {
        veth(&site);
        know_us(&site, "near");
        check_truncation(&mut Link::packet("far", true).unwrap());
        check_truncation(&mut Link::packet("far", false).unwrap());
        ip(&site, "link del near");
        let mut link = open(&site, LinkKind::Tap, true);
        know_us(&site, link.name());
        check_truncation(&mut link);
        drop(link);
        let mut link = open(&site, LinkKind::Tap, false);
        know_us(&site, link.name());
        check_truncation(&mut link);
    });
}

/// Frames of 142 bytes fit, those of 143 do not; with one call for each, and with one for many.
fn check_truncation(link: &mut Link) {
    let socket = talker();
    let mut frame = [0; 142];
    let mut batch = Batch::new(40, 142);
    for many in [false, true] {
        let before = link.counters().truncated;
        for len in [101, 1000, 100] {
            socket.send(&vec![b'x'; len]).unwrap();
        }
        let deadline = Deadline::after(PATIENCE);
        let mut seen = false;
        while !seen && !deadline.is_over() {
            seen = if many {
                link.receive_many(&mut batch).unwrap();
                batch.frames().any(|(_, f)| f.len() == 142 && wire::is_udp(f))
            } else {
                let received = link.receive(&mut frame).unwrap();
                received.is_some_and(|(len, _)| len == 142 && wire::is_udp(&frame))
            };
            if !seen {
                wait_readable(link);
            }
        }
        // The kernel's own long frames would be counted as well; it sends none of that length.
        assert!(seen && link.counters().truncated == before + 2, "{:?}", link.counters());
    }
    assert_eq!(link.counters().unusable, 0);
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn frames_of_a_vlan_and_those_of_this_machine_do_not_come() {
    let site = Site::namespace("link-vlan");
    within(&site, || {
        veth(&site);
        let mut near = Link::packet("near", true).unwrap();
        let mut link = Link::packet("far", true).unwrap();
        // The tag of VLAN 5 between Ethernet's addresses and its type. IEEE 802.1Q §9.
        let header = wire::ethernet([0xff; 6], 0x0800);
        let tagged = [&header[..12], &[0x81, 0, 0, 5, 8, 0], &wire::ping(1)].concat();
        send(&mut near, Offload::default(), &[&tagged]);
        let mut beside = Link::packet("far", true).unwrap();
        send(&mut beside, Offload::default(), &[&header, &wire::ping(3)]);
        send(&mut near, Offload::default(), &[&header, &wire::ping(2)]);
        let (_, frame) = next(&mut link, |_, frame| frame[6..12] == OURS_MAC);
        assert_eq!(frame[14..], wire::ping(2));
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_link_tells_its_interface_and_leaves_a_persistent_one_behind() {
    let site = Site::namespace("link-facts");
    within(&site, || {
        ip(&site, "tuntap add dev keep mode tap");
        ip(&site, "link set keep address 02:00:00:00:00:01 mtu 1400");
        let options = |name: &str, kind| LinkOptions {
            name: name.to_owned(),
            kind,
            offload: true,
            threaded: false,
        };
        let keep = options("keep", LinkKind::Tap);
        let link = Link::open(&keep).unwrap();
        assert_eq!((link.name(), link.mtu().unwrap()), ("keep", 1400));
        assert_eq!(link.hardware().unwrap(), [2, 0, 0, 0, 0, 1]);
        assert!(ip(&site, "link show keep").starts_with(&format!("{}: keep", link.index())));
        assert_eq!(Link::open(&keep).unwrap_err().kind(), ErrorKind::ResourceBusy);
        drop(link);
        let wrong = Link::open(&options("keep", LinkKind::Tun)).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::InvalidInput);

        let link = Link::open(&options("gone", LinkKind::Tap)).unwrap();
        let far = Link::packet("gone", true).unwrap();
        assert!(ip(&site, "-d link show gone").contains("promiscuity 1"));
        drop((far, link));
        // Another test's child holds what is open here too, until it becomes its program.
        assert!(wait_until(PATIENCE, || !ip(&site, "link show").contains("gone")));
        assert!(ip(&site, "link show").contains("keep"));
    });
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn an_interface_that_is_down_takes_no_frame_until_it_is_up() {
    let site = Site::namespace("link-down");
    within(&site, || {
        ip(&site, "link add near type veth peer name far");
        ip(&site, "link set near up");
        let mut link = Link::packet("far", false).unwrap();
        let arp = wire::arp(1, [0xff; 6], KERNEL);
        let parts = [IoSlice::new(&arp)];
        let error = link.send(Offload::default(), &parts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkDown);
        link.set_up().unwrap();
        assert_eq!(link.send(Offload::default(), &parts).unwrap(), Sent::Done);
        // What it cannot say to the kernel it does not send.
        let error = link.send(checksum_at(34, 16), &parts).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = link.send(Offload::default(), &[IoSlice::new(&[]); 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let mut batch = Batch::new(2, 100);
        assert!(batch.push(checksum_at(34, 16), &parts) && batch.push(Offload::default(), &parts));
        assert_eq!(link.send_many(&mut batch).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!((link.send_many(&mut batch).unwrap(), batch.len()), (1, 0));

        ip(&site, "link set far down");
        let error = link.receive(&mut [0; 2000]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkDown);
        link.set_up().unwrap();
        wait_wired(&site);
        ip(&site, "addr add 10.77.0.1/24 dev near");
        send(&mut link, Offload::default(), &[&arp]);
        next(&mut link, |_, frame| wire::is_arp_from(frame, KERNEL));

        let made = LinkOptions {
            name: "ms0".to_owned(),
            kind: LinkKind::Tap,
            offload: true,
            threaded: false,
        };
        let mut tap = Link::open(&made).unwrap();
        let error = tap.send(Offload::default(), &parts).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    });
}
