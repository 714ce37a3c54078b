//! smoltcp's end, over the devices it comes with.

use super::gauge::Gauge;
use super::{CHUNK, End, FAR, LOOK, NEAR, PORT};
use crate::Fallible;
use core::net::IpAddr;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, Medium, RawSocket, TunTapInterface, wait};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};
use std::os::fd::{AsRawFd, RawFd};

pub(super) fn run(end: &End) -> Fallible<Gauge> {
    let (kind, name) = end.link.split_once(':').ok_or("tap:NAME or packet:NAME")?;
    if kind == "packet" {
        let device = RawSocket::new(name, Medium::Ethernet)?;
        let fd = device.as_raw_fd();
        return serve(end, device, fd);
    }
    let device = TunTapInterface::new(name, Medium::Ethernet)?;
    let fd = device.as_raw_fd();
    serve(end, device, fd)
}

fn serve(end: &End, mut device: impl Device, fd: RawFd) -> Fallible<Gauge> {
    let address = |address: IpAddr| match address {
        IpAddr::V4(v4) => IpAddress::Ipv4(v4),
        IpAddr::V6(v6) => IpAddress::Ipv6(v6),
    };
    let station = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, 9]));
    let mut config = Config::new(station);
    config.random_seed = u64::from(std::process::id());
    let mut interface = Interface::new(config, &mut device, Instant::now());
    interface.update_ip_addrs(|addresses| {
        let _room = addresses.push(IpCidr::new(address(NEAR), 24));
    });
    let buffer = || SocketBuffer::new(vec![0; end.buffer]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_congestion_control(CongestionControl::Cubic);
    let mut sockets = SocketSet::new(Vec::new());
    let handle = sockets.add(socket);
    // Another port each time: the far end may remember the last.
    let local = 49_152 + (u16::try_from(std::process::id() % 16_000)?);
    let socket = sockets.get_mut::<Socket<'_>>(handle);
    socket.connect(interface.context(), (address(FAR), PORT), local)?;
    let mut gauge = Gauge::new(end.window);
    let mut bytes = vec![0; CHUNK];
    loop {
        interface.poll(Instant::now(), &mut device, &mut sockets);
        let socket = sockets.get_mut::<Socket<'_>>(handle);
        if socket.state() == State::Closed {
            return Ok(gauge);
        }
        if socket.may_send() {
            gauge.open();
        }
        if !exchange(socket, end.sends, &mut bytes, &mut gauge)? {
            socket.abort();
            interface.poll(Instant::now(), &mut device, &mut sockets);
            return Ok(gauge);
        }
        let now = Instant::now();
        let most = smoltcp::time::Duration::from(LOOK);
        let delay = interface.poll_delay(now, &sockets).map_or(most, |delay| delay.min(most));
        wait(fd, Some(delay))?;
    }
}

/// Moves what can be moved; whether the window goes on.
fn exchange(
    socket: &mut Socket<'_>,
    sends: bool,
    bytes: &mut [u8],
    gauge: &mut Gauge,
) -> Fallible<bool> {
    let mut more = gauge.add(0);
    while sends && socket.can_send() {
        more = gauge.add(socket.send_slice(bytes)?);
    }
    while !sends && socket.can_recv() {
        more = gauge.add(socket.recv_slice(bytes)?);
    }
    Ok(more)
}
