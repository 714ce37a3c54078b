#![expect(clippy::unwrap_used, reason = "tests")]
//! The situations of the Autobahn suite (groups 1 to 7 and 10), as vectors of our own.
//!
//! Each runs for both roles and with input whole, in odd pieces and byte by byte. The endpoint
//! under test echoes; what is compared is what it says on the wire.

#[path = "drive/codec.rs"]
mod codec;
#[path = "drive/echo.rs"]
mod echo;

use codec::frame;
use echo::{Echo, Out};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CHOPS: [usize; 4] = [usize::MAX, 1, 2, 997];

/// Runs one vector; `frames` are first bytes and payloads.
fn run(frames: &[(u8, &[u8])], expected: &[Out]) {
    for chop in CHOPS {
        for mut echo in [Echo::client(), Echo::server()] {
            let wire: Vec<u8> =
                frames.iter().flat_map(|(first, payload)| echo.frame(*first, payload)).collect();
            echo.feed(&wire, chop);
            assert_eq!(echo.said(), expected, "chop {chop}, frames {frames:x?}");
        }
    }
}

/// A vector that ends in a failure with `code`, after `before`.
fn fails(frames: &[(u8, &[u8])], before: &[Out], code: u16) {
    let mut expected = before.to_vec();
    expected.push(Out::Close(Some(code)));
    run(frames, &expected);
}

fn text(bytes: &[u8]) -> Out {
    Out::Text(bytes.to_vec())
}

// Covers SS-544, SS-545
#[test]
fn group_1_messages_of_every_length_class_are_echoed() {
    for len in [0, 1, 125, 126, 127, 128, 65535, 65536] {
        let payload = vec![b'*'; len];
        run(&[(TEXT, &payload)], &[text(&payload)]);
        let payload = vec![0xfe; len];
        run(&[(BINARY, &payload)], &[Out::Binary(payload.clone())]);
    }
}

#[test]
fn group_2_pings_are_answered_with_their_payload_and_pongs_are_not() {
    for payload in [&b""[..], b"Hello, world!", &[0, 255, 254, 253], &[0xfe; 125]] {
        run(&[(PING, payload)], &[Out::Pong(payload.to_vec())]);
    }
    fails(&[(PING, &[0xfe; 126])], &[], 1002);
    run(&[(PONG, b"")], &[]);
    run(&[(PONG, b"unasked"), (PING, b"1")], &[Out::Pong(b"1".to_vec())]);
    let ten: Vec<Vec<u8>> = (0..10_u8).map(|n| vec![n; 4]).collect();
    let pings: Vec<(u8, &[u8])> = ten.iter().map(|payload| (PING, &**payload)).collect();
    let pongs: Vec<Out> = ten.iter().cloned().map(Out::Pong).collect();
    run(&pings, &pongs);
}

#[test]
fn group_3_reserved_bits_fail_the_connection() {
    for bits in 1..8_u8 {
        let hello = &b"Hello, world!"[..];
        let reserved = bits << 4;
        fails(&[(TEXT, hello), (TEXT | reserved, hello), (PING, b"")], &[text(hello)], 1002);
        fails(&[(PING | reserved, b"")], &[], 1002);
        fails(&[(CLOSE | reserved, b"\x03\xe8")], &[], 1002);
    }
}

#[test]
fn group_4_reserved_opcodes_fail_the_connection() {
    for opcode in (3..8).chain(11..16) {
        let hello = &b"Hello, world!"[..];
        fails(&[(0x80 | opcode, b"")], &[], 1002);
        fails(&[(TEXT, hello), (0x80 | opcode, hello), (PING, b"")], &[text(hello)], 1002);
    }
}

// Covers SS-544
#[test]
fn group_5_fragments_in_order_are_one_message_and_others_fail() {
    let pong = Out::Pong(b"p".to_vec());
    // Control frames must not be fragmented.
    fails(&[(PING & 0x7f, b"a"), (0x80, b"b")], &[], 1002);
    fails(&[(PONG & 0x7f, b"a"), (0x80, b"b")], &[], 1002);
    fails(&[(CLOSE & 0x7f, b"\x03\xe8")], &[], 1002);
    run(&[(0x01, b"frag"), (0x80, b"ment")], &[text(b"fragment")]);
    run(&[(0x01, b"frag"), (PING, b"p"), (0x80, b"ment")], &[pong.clone(), text(b"fragment")]);
    // Continuations with nothing to continue.
    fails(&[(0x80, b"none"), (TEXT, b"x")], &[], 1002);
    fails(&[(0x00, b"none"), (TEXT, b"x")], &[], 1002);
    fails(&[(0x01, b"a"), (0x80, b"b"), (0x00, b"c")], &[text(b"ab")], 1002);
    // A new message inside an unfinished one.
    let five: [(u8, &[u8]); 7] = [
        (0x01, b"1"),
        (0x00, b"2"),
        (PING, b"p"),
        (0x00, b"3"),
        (0x00, b"4"),
        (PING, b"p"),
        (0x80, b"5"),
    ];
    run(&five, &[pong.clone(), pong, text(b"12345")]);
    // Empty fragments count.
    run(&[(0x01, b""), (0x00, b""), (0x80, b"")], &[text(b"")]);
    run(&[(0x01, b""), (0x00, b"middle"), (0x80, b"")], &[text(b"middle")]);
}

#[test]
fn group_5_a_message_inside_a_message_fails_at_its_header() {
    for mut echo in [Echo::client(), Echo::server()] {
        let mut wire = echo.frame(0x01, b"a");
        wire.extend(echo.frame(TEXT, b"b"));
        echo.feed(&wire, 1);
        assert!(echo.failed);
    }
}

/// Valid and invalid texts after Markus Kuhn's decoder stress test.
fn texts() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let word = "κ\u{1f79}σμε".as_bytes();
    let mut valid: Vec<Vec<u8>> =
        ["hello\u{24}world", "hello\u{a2}world", "hello\u{20ac}world", "hello\u{24b62}world"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec();
    for code in [
        0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x10000, 0x1fffe,
        0x10ffff,
    ] {
        valid.push(char::from_u32(code).unwrap().to_string().into_bytes());
    }
    let mut invalid: Vec<Vec<u8>> = vec![(0x80..0xc0).collect()];
    for end in 1..=word.len() {
        let known = [2, 5, 7, 9, 11].contains(&end);
        (if known { &mut valid } else { &mut invalid }).push(word[..end].to_vec());
    }
    // Longer than four bytes, beyond U+10FFFF, overlong, surrogates, cut short, impossible.
    let sequences: [&[u8]; 34] = [
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xfb\xbf\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xbf",
        b"\x80\xbf\x80",
        b"\xc0 \xc1 ",
        b"\xe0 \xe1 ",
        b"\xf0 \xf1 ",
        b"\xf8 ",
        b"\xfc ",
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xfe",
        b"\xff",
        b"\xfe\xfe\xff\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
    ];
    invalid.extend(sequences.iter().map(|bytes| bytes.to_vec()));
    (valid, invalid)
}

#[test]
fn group_6_text_is_utf_8_whatever_its_fragments() {
    let (valid, invalid) = texts();
    for bytes in &valid {
        run(&[(TEXT, bytes)], &[text(bytes)]);
        let mut pieces: Vec<(u8, &[u8])> = vec![(0x01, b"")];
        pieces.extend(bytes.iter().map(|byte| (0x00, core::slice::from_ref(byte))));
        pieces.push((0x80, b""));
        run(&pieces, &[text(bytes)]);
    }
    for bytes in &invalid {
        for mut echo in [Echo::client(), Echo::server()] {
            let wire = echo.frame(TEXT, bytes);
            echo.feed(&wire, usize::MAX);
            assert_eq!(echo.said(), [Out::Close(Some(1007))], "{bytes:x?}");
        }
        // As binary anything goes, and as fragments it is found as well.
        run(&[(BINARY, bytes)], &[Out::Binary(bytes.clone())]);
        for mut echo in [Echo::client(), Echo::server()] {
            let mut wire = echo.frame(0x01, b"ok ");
            wire.extend(echo.frame(0x80, bytes));
            echo.feed(&wire, 1);
            assert!(echo.failed, "{bytes:x?}");
        }
    }
}

#[test]
fn group_6_a_wrong_byte_fails_before_the_message_is_over() {
    let start = "κόσμε".as_bytes();
    for mut echo in [Echo::client(), Echo::server()] {
        // One frame of 18 bytes, of which the last never come.
        let whole = [start, b"\xf4\x90\x80\x80edited"].concat();
        let wire = echo.frame(TEXT, &whole);
        let header = wire.len() - whole.len();
        echo.feed(&wire[..header + start.len() + 1], 1);
        assert!(echo.alive, "F4 can begin a character");
        echo.feed(&wire[header + start.len() + 1..header + start.len() + 2], 1);
        assert!(echo.failed, "F4 90 cannot");
    }
    for mut echo in [Echo::client(), Echo::server()] {
        let mut wire = echo.frame(0x01, start);
        wire.extend(echo.frame(0x00, b"\xf4\x90"));
        echo.feed(&wire, usize::MAX);
        assert!(echo.failed, "fragments fail as fast");
    }
}

#[test]
fn group_7_closes_are_answered_and_nothing_counts_after() {
    let hello = &b"Hello"[..];
    let normal = Out::Close(Some(1000));
    run(&[(TEXT, hello), (CLOSE, b"\x03\xe8")], &[text(hello), normal.clone()]);
    run(&[(CLOSE, b"\x03\xe8"), (CLOSE, b"\x03\xe8")], core::slice::from_ref(&normal));
    run(&[(CLOSE, b"\x03\xe8"), (PING, b"")], core::slice::from_ref(&normal));
    run(&[(CLOSE, b"\x03\xe8"), (TEXT, hello)], core::slice::from_ref(&normal));
    let large = vec![b'*'; 256 * 1024];
    run(
        &[(TEXT, &large), (TEXT, hello), (CLOSE, b"\x03\xe8"), (PING, b"")],
        &[text(&large), text(hello), normal.clone()],
    );
    // A message cut off by a close: its beginning was echoed as it came, its end never is.
    for mut echo in [Echo::client(), Echo::server()] {
        let wire =
            [echo.frame(0x01, b"fragment"), echo.frame(CLOSE, b"\x03\xe8"), echo.frame(0x80, b"s")]
                .concat();
        echo.feed(&wire, usize::MAX);
        assert_eq!(echo.said(), core::slice::from_ref(&normal));
    }
    // Payloads.
    run(&[(CLOSE, b"")], &[Out::Close(None)]);
    fails(&[(CLOSE, b"\x03")], &[], 1002);
    run(&[(CLOSE, b"\x03\xe8Hello World!")], core::slice::from_ref(&normal));
    run(&[(CLOSE, &[b"\x03\xe8", &[b'*'; 123][..]].concat())], &[normal]);
    fails(&[(CLOSE, &[b"\x03\xe8", &[b'*'; 124][..]].concat())], &[], 1002);
    fails(&[(CLOSE, "\u{3}\u{e8}κόσμε".as_bytes())], &[], 1002);
    fails(&[(CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80edited")], &[], 1007);
}

#[test]
fn group_7_codes_are_judged() {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 3999, 4000,
        4999_u16,
    ] {
        run(&[(CLOSE, &code.to_be_bytes())], &[Out::Close(Some(code))]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16] {
        fails(&[(CLOSE, &code.to_be_bytes())], &[], 1002);
    }
}

// Covers SS-544
#[test]
fn group_10_a_message_larger_than_any_buffer_comes_back() {
    let large = vec![b'*'; 65536];
    run(&[(TEXT, &large)], &[text(&large)]);
    let pieces: Vec<(u8, &[u8])> =
        (0..51).map(|n| (if n == 0 { 0x01 } else { 0x00 }, &large[..1300])).collect();
    let mut frames = pieces;
    frames.push((0x80, b""));
    run(&frames, &[text(&vec![b'*'; 51 * 1300])]);
}

#[test]
fn a_frame_with_the_wrong_mask_bit_fails_the_connection() {
    let mut client = Echo::client();
    client.feed(&frame(TEXT, b"x", Some([1, 2, 3, 4])), usize::MAX);
    assert_eq!(client.said(), [Out::Close(Some(1002))]);
    let mut server = Echo::server();
    server.feed(&frame(TEXT, b"x", None), usize::MAX);
    assert_eq!(server.said(), [Out::Close(Some(1002))]);
}

#[test]
fn lengths_longer_than_they_need_be_fail_the_connection() {
    for header in [
        &[0x82, 126, 0, 5][..],
        &[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 200],
        &[0x82, 127, 128, 0, 0, 0, 0, 1, 0, 0],
    ] {
        for chop in CHOPS {
            let mut client = Echo::client();
            client.feed(header, chop);
            assert_eq!(client.said(), [Out::Close(Some(1002))]);
        }
    }
}
