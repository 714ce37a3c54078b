//! What the application does: lines that begin with `app`.

use crate::language::{fit, number};
use crate::notation::pattern;
use crate::parts::{Piece, Subject};
use crate::world::{PORTS, World};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use mainstay_tcp::{FastOpen, Push, TcpError};

impl<P: Subject> World<P> {
    /// One call; `fails Name` at the end says that it must be refused, and why.
    pub(crate) fn call(&mut self, words: &[String], counters: &[i64]) -> Result<(), String> {
        let (words, wanted) = match words {
            [words @ .., fails, why] if fails == "fails" => (words, Some(why.as_str())),
            _ => (words, None),
        };
        let result = self.ask(words, counters)?;
        self.drain();
        match (result, wanted) {
            (Ok(()), None) => Ok(()),
            (Err(error), Some(wanted)) if format!("{error:?}") == wanted => Ok(()),
            (Err(error), None) => Err(format!("the call was refused: {error:?}")),
            (Err(error), Some(wanted)) => {
                Err(format!("the call was refused with {error:?}, not {wanted}"))
            }
            (Ok(()), Some(wanted)) => Err(format!("the call should have been refused: {wanted}")),
        }
    }

    fn ask(&mut self, words: &[String], counters: &[i64]) -> Result<Result<(), TcpError>, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (now, handle) = (self.now, self.place().handle);
        Ok(match words[..] {
            ["connect"] => self.connect(FastOpen::No),
            ["connect", "deferred"] => self.connect(FastOpen::Deferred),
            ["connect", address] => self.connect_to(address)?,
            ["listen"] => self.listen_at(false),
            ["listen", "any"] => self.listen_at(true),
            ["stop", at] => {
                let at: usize = fit(number(at, counters)?)?;
                self.engine.stop(*self.listeners.get(at).ok_or("there is no such listener")?);
                Ok(())
            }
            ["send", count] => self.send(number(count, counters)?, 0, Push::Now)?,
            ["send", count, "more"] => self.send(number(count, counters)?, 0, Push::More)?,
            ["send", count, "urgent"] => self.send(number(count, counters)?, 0, Push::Urgent)?,
            ["send", count, "room", room] => {
                self.send(number(count, counters)?, number(room, counters)?, Push::Now)?
            }
            ["extend", count] => self.extend(number(count, counters)?)?,
            ["read", count] => self.read(Some(number(count, counters)?))?,
            ["read"] => self.read(None)?,
            _ => {
                let mut live = self.engine.at(now, handle).ok_or("the endpoint is gone")?;
                match words[..] {
                    ["commit", count] => live.commit(fit(number(count, counters)?)?),
                    ["finish"] => live.finish(),
                    ["close"] => live.close(),
                    ["abort"] => {
                        live.abort();
                        Ok(())
                    }
                    ["nagle", on] => {
                        live.set_nagle(on == "on");
                        Ok(())
                    }
                    _ => return Err("no call of the application is written like this".to_owned()),
                }
            }
        })
    }

    fn listen_at(&mut self, any: bool) -> Result<(), TcpError> {
        let (local, _) = self.addresses();
        let unspecified: IpAddr = if local.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let address = SocketAddr::new(if any { unspecified } else { local }, PORTS.0);
        let listener = self.engine.listen(address)?;
        self.listeners.push(listener);
        Ok(())
    }

    /// To an address that cannot be, to see it refused.
    fn connect_to(&mut self, address: &str) -> Result<Result<(), TcpError>, String> {
        let peer: SocketAddr = address.parse().map_err(|_| "an address has a port after it")?;
        let mut paths = |_: IpAddr, _: Option<IpAddr>| None;
        let mut live = self.engine.at(self.now, self.places[self.current].handle).ok_or("gone")?;
        Ok(live.connect(peer, FastOpen::No, &mut paths))
    }

    fn send(&mut self, count: i64, room: i64, push: Push) -> Result<Result<(), TcpError>, String> {
        let now = self.now;
        let place = self.place();
        let (handle, first) = (place.handle, place.written);
        place.pieces += 1;
        let bytes: Vec<u8> = (first..first + count).map(pattern).collect();
        let piece = Piece::new(place.pieces, &bytes, fit(room)?);
        let mut live = self.engine.at(now, handle).ok_or("the endpoint is gone")?;
        let result = live.send(piece, push);
        if result.is_ok() {
            self.place().written += count;
        }
        Ok(result.map_err(|refused| refused.error))
    }

    fn extend(&mut self, count: i64) -> Result<Result<(), TcpError>, String> {
        let now = self.now;
        let place = self.place();
        let (handle, first) = (place.handle, place.written);
        let len: usize = fit(count)?;
        let mut live = self.engine.at(now, handle).ok_or("the endpoint is gone")?;
        if let Some(tail) = live.tail_mut() {
            tail.iter_mut().take(len).zip(first..).for_each(|(byte, at)| *byte = pattern(at));
        }
        let result = live.extend(len, Push::Now);
        if result.is_ok() {
            self.place().written += count;
        }
        Ok(result)
    }

    /// Reads so much, or all there is, and looks whether it is what the peer sent.
    fn read(&mut self, count: Option<i64>) -> Result<Result<(), TcpError>, String> {
        let (now, handle, first) = (self.now, self.place().handle, self.place().read);
        let mut live = self.engine.at(now, handle).ok_or("the endpoint is gone")?;
        let unread =
            live.endpoint().map_or(0, |endpoint| endpoint.recv().iter().map(|c| c.len()).sum());
        let len: usize = count.map_or(Ok(unread), fit)?;
        let mut bytes = vec![0; len];
        let got = live.read(&mut bytes);
        if got != Ok(len) {
            return Err(format!("there were {unread} bytes to read, not {len}"));
        }
        if let Some(at) = bytes.iter().zip(first..).position(|(byte, at)| *byte != pattern(at)) {
            return Err(format!("byte {at} of those read is not what the peer sent"));
        }
        self.place().read += i64::try_from(len).unwrap();
        Ok(Ok(()))
    }
}
