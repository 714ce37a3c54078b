//! Standard input as messages, read on a thread of its own, a few pieces ahead and no more.

use mainstay_host::Waker;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes of a piece. chosen: what lies between application and wire.
const PIECE: usize = 16 * 1024;
/// Pieces read ahead. chosen: enough to keep the wire busy.
const AHEAD: usize = 4;
/// Bytes of a message that must be held whole: a line, or an MQTT message of unknown length. chosen: far above what
/// devices say, and a bound.
pub(crate) const WHOLE_MAX: usize = 4 * 1024 * 1024;

/// How input becomes messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All of it is one message, passed on as it comes.
    Stream,
    /// All of it is one message, whose length must be known first.
    Whole,
    /// Each line is one.
    Lines,
}

/// A piece of a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: bool,
    pub(crate) end: bool,
    /// Length of the whole message, with its first piece, if known.
    pub(crate) total: Option<u64>,
}

/// What the thread says.
#[derive(Debug)]
pub(crate) enum Fed {
    Piece(Piece),
    Over,
    Broken(io::Error),
}

/// Starts reading standard input.
pub(crate) fn stdin(cut: Cut, waker: Waker) -> io::Result<Receiver<Fed>> {
    let stdin = io::stdin();
    let file = std::fs::File::from(stdin.as_fd().try_clone_to_owned()?);
    let total = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
    let (sender, receiver) = sync_channel(AHEAD);
    // Not joined: it may stand in a read for ever, and ends with the process.
    std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let out = Out { sender, waker };
        let last = match read(file, cut, total, &out) {
            Ok(()) => Fed::Over,
            Err(error) => Fed::Broken(error),
        };
        out.put(last);
    })?;
    Ok(receiver)
}

struct Out {
    sender: SyncSender<Fed>,
    waker: Waker,
}

impl Out {
    fn put(&self, fed: Fed) {
        // Nobody listens any more when the command ends early.
        let _ended = self.sender.send(fed);
        self.waker.wake();
    }
}

trait Sink {
    fn piece(&self, piece: Piece);
}

impl Sink for Out {
    fn piece(&self, piece: Piece) {
        self.put(Fed::Piece(piece));
    }
}

fn read(input: impl Read, cut: Cut, total: Option<u64>, out: &impl Sink) -> io::Result<()> {
    match (cut, total) {
        (Cut::Lines, _) => lines(input, out),
        (Cut::Stream, _) | (Cut::Whole, Some(_)) => stream(input, total, out),
        (Cut::Whole, None) => {
            let bytes = whole(input)?;
            let total = Some(bytes.len() as u64);
            out.piece(Piece { bytes, start: true, end: true, total });
            Ok(())
        }
    }
}

/// Passes on what comes; the last piece is known one read later.
fn stream(mut input: impl Read, total: Option<u64>, out: &impl Sink) -> io::Result<()> {
    let mut held = Piece { start: true, total, ..Piece::default() };
    let mut empty = true;
    loop {
        let mut bytes = vec![0; PIECE];
        let len = match input.read(&mut bytes) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes.truncate(len);
        if len == 0 {
            held.end = true;
            out.piece(held);
            return Ok(());
        }
        if core::mem::take(&mut empty) {
            held.bytes = bytes;
        } else {
            out.piece(core::mem::replace(&mut held, Piece { bytes, ..Piece::default() }));
        }
    }
}

fn lines(input: impl Read, out: &impl Sink) -> io::Result<()> {
    let mut input = BufReader::with_capacity(PIECE, input);
    loop {
        let mut bytes = Vec::new();
        let most = WHOLE_MAX as u64 + 2;
        if (&mut input).take(most).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        if bytes.len() > WHOLE_MAX {
            return Err(too_long());
        }
        let total = Some(bytes.len() as u64);
        out.piece(Piece { bytes, start: true, end: true, total });
    }
}

fn whole(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(WHOLE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > WHOLE_MAX { Err(too_long()) } else { Ok(bytes) }
}

fn too_long() -> io::Error {
    let most = WHOLE_MAX / (1024 * 1024);
    io::Error::other(format!("a message of unknown length may have {most} MiB here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;

    struct Seen(RefCell<Vec<Piece>>);

    impl Sink for Seen {
        fn piece(&self, piece: Piece) {
            self.0.borrow_mut().push(piece);
        }
    }

    fn cut(input: &[u8], cut: Cut, total: Option<u64>) -> Vec<Piece> {
        let seen = Seen(RefCell::new(Vec::new()));
        read(input, cut, total, &seen).unwrap();
        seen.0.into_inner()
    }

    #[test]
    fn a_short_input_is_one_piece_and_a_long_one_has_one_start_and_one_end() {
        let [short] = &cut(b"hi", Cut::Stream, None)[..] else { panic!("one piece") };
        assert_eq!(
            (short.bytes.as_slice(), short.start, short.end),
            (b"hi".as_slice(), true, true)
        );
        let long = cut(&[7; 40_000], Cut::Stream, Some(40_000));
        assert_eq!(long.iter().map(|piece| piece.bytes.len()).sum::<usize>(), 40_000);
        assert_eq!(long.iter().filter(|piece| piece.start).count(), 1);
        assert_eq!(long.iter().filter(|piece| piece.end).count(), 1);
        assert_eq!(long[0].total, Some(40_000));
        let [nothing] = &cut(b"", Cut::Stream, None)[..] else { panic!("one empty message") };
        assert!(nothing.bytes.is_empty() && nothing.start && nothing.end);
    }

    #[test]
    fn lines_are_messages_without_their_ends() {
        let lines = cut(b"one\r\n\ntwo", Cut::Lines, None);
        let texts: Vec<&[u8]> = lines.iter().map(|piece| piece.bytes.as_slice()).collect();
        assert_eq!(texts, [b"one".as_slice(), b"", b"two"]);
        assert!(lines.iter().all(|piece| piece.start && piece.end));
        assert!(cut(b"", Cut::Lines, None).is_empty());
    }

    #[test]
    fn what_must_be_held_whole_is_bounded() {
        let seen = Seen(RefCell::new(Vec::new()));
        let endless = io::repeat(b'x');
        assert!(read(endless, Cut::Lines, None, &seen).is_err());
        assert!(read(io::repeat(b'x'), Cut::Whole, None, &seen).is_err());
        assert_eq!(cut(b"abc", Cut::Whole, None)[0].total, Some(3));
    }
}
