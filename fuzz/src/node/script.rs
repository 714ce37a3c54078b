//! What each letter of a program does.

use super::device::{Device, KINDS, POLICY};
use core::time::Duration;
use mainstay_base::Errno;
use mainstay_node::{Reload, StreamId};
use mainstay_sim::story::Reaction;
use mainstay_stream::{Answer, Flags};

impl Device {
    /// One letter, and what it takes of what follows; the rest.
    pub(super) fn step<'i>(&mut self, letter: u8, rest: &'i [u8]) -> &'i [u8] {
        match letter {
            b'o' | b'x' => self.answer(letter == b'o'),
            b'/' => self.kernel.choose_next(),
            b'<' => return self.receive(rest),
            b'e' => self.kernel.chosen().into_iter().for_each(|(_, sock)| sock.eof = true),
            b'p' => self.kernel.chosen().into_iter().for_each(|(_, sock)| sock.plugged ^= true),
            b'l' => {
                if let Some(id) = self.kernel.lose() {
                    self.node.handle_lost(self.now, id, Errno::Reset);
                }
            }
            b'~' => self.go(self.node.poll_timeout().unwrap_or(self.now)),
            b'+' => self.go(self.now + Duration::from_millis(100)),
            b'=' => self.go(self.now + Duration::from_secs(20)),
            b'A'..=b'E' => self.react(letter),
            b'P' | b'R' => {
                let reload = if letter == b'P' { Reload::Changed } else { Reload::All };
                let replaced = self.node.replace_policy(self.now, POLICY.clone(), reload);
                assert!(replaced.is_ok(), "the same policy is refused");
            }
            b'w' => self.node.wait_cancelled(),
            _ => self.command(letter),
        }
        rest
    }

    /// A wish of the application for the chosen stream, or a new one.
    fn command(&mut self, letter: u8) {
        if let Some(kind) = KINDS.get(usize::from(letter.wrapping_sub(b'0'))) {
            if self.node.create(self.now, kind).is_ok() {
                self.chosen = self.node.streams().len() - 1;
            }
            return;
        }
        let streams = self.node.streams();
        let Some(&id) = streams.get(self.chosen % streams.len().max(1)) else { return };
        let (node, now) = (&mut self.node, self.now);
        match letter {
            b'.' => self.chosen = (self.chosen + 1) % streams.len(),
            b'c' => {
                let _over = node.connect(now, id);
            }
            b't' => node.request_tx(now, id),
            b's' => self.send(id),
            b'd' => node.destroy(now, id),
            b'k' => node.close(now, id),
            b'q' | b'v' => node.pause(now, id, letter == b'q'),
            b'f' => self
                .reactions
                .borrow_mut()
                .push_back(Reaction { timeout_ms: Some(100), ..Reaction::default() }),
            b'm' => {
                let _undeclared = node.set_metadata(id, "id", b"a b/c");
            }
            b'g' => node.confirm_validity(now, id),
            _ => {}
        }
    }

    /// Payload nobody asked for: not in the book, so only where it cannot be taken.
    fn send(&mut self, id: StreamId) {
        let room = self.node.send_room(id);
        let too_much = vec![b'z'; room + 1];
        let open = self.node.stream(id).is_some_and(mainstay_stream::Stream::is_open);
        if open {
            let sent = self.node.send(self.now, id, &too_much, Flags::ends(true, true));
            assert!(sent.is_err(), "more was taken than there is room");
        }
    }

    fn react(&mut self, letter: u8) {
        let plain = Reaction::default();
        let reaction = match letter {
            b'A' => Reaction { answer: Answer::DisconnectMe, ..plain },
            b'B' => Reaction { answer: Answer::DestroyMe, ..plain },
            b'C' => Reaction { answer: Answer::TxDontSend, ..plain },
            b'D' => Reaction { destroy: true, ..plain },
            _ => Reaction { connect: true, request_tx: true, timeout_ms: Some(300), ..plain },
        };
        self.reactions.borrow_mut().push_back(reaction);
    }

    fn receive<'i>(&mut self, rest: &'i [u8]) -> &'i [u8] {
        let Some((&len, rest)) = rest.split_first() else { return rest };
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(len)));
        if let Some((_, sock)) = self.kernel.chosen().filter(|(_, sock)| !sock.eof) {
            sock.inbox.extend_from_slice(bytes);
        }
        rest
    }
}
