//! The examples, run as a user would: each ends well, in time, and says what moved.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::time::Duration;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// How long an example may take. chosen: they take a moment; this is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// `cargo test` builds the examples beside the folder of this test.
fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.join(name)
}

/// Runs an example; what it said, line by line.
fn lines(name: &str) -> Vec<String> {
    let path = example(name);
    let mut command = Command::new(&path);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo test -p mainstay` builds it", path.display())
    });
    let id = child.id().to_string();
    let (ended, end) = channel();
    thread::Builder::new().spawn(move || ended.send(child.wait_with_output().unwrap())).unwrap();
    let output: Output = end.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _gone = Command::new("kill").arg(&id).status();
        panic!("{name} did not end; it said: {:?}", end.recv_timeout(PATIENCE))
    });
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.is_empty(), "{name}: {}: {told}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn handlers_send_when_there_is_room_and_hear_states_in_order() {
    let lines = lines("handlers");
    let of = |kind: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(kind)).collect()
    };
    assert_eq!(of("received: "), ["one", "two", "three"]);
    assert_eq!(of("message "), ["0: Sent", "1: Sent", "2: Sent"]);
    let states = of("state: ");
    assert_eq!(states[..4], ["Creating", "Poll", "Connecting", "Connected"]);
    assert_eq!(states.last(), Some(&"Destroying"));
}

#[test]
fn async_handles_of_one_device_move_payload_at_the_same_time() {
    let lines = lines("async_tokio");
    let chat = ["chat: Sent, how are you?", "chat: Sent, and now?", "chat: Sent, still?"];
    assert!(chat.iter().all(|wanted| lines.iter().any(|line| line == wanted)), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("lost")), "{lines:?}");
    assert_eq!(lines[3..], ["chat: 3 answers", "bulk: 200000 bytes there and back"]);
}

#[test]
fn a_device_runs_as_a_future_of_somebody_elses_loop() {
    let expected = ["hello: Sent, came back as HELLO", "again: Sent, came back as AGAIN", "closed"];
    assert_eq!(lines("in_tokio"), expected);
}

#[test]
fn a_blocking_handle_has_an_outcome_and_an_answer_for_each_message() {
    let expected = [
        "temperature=21: acknowledged",
        "noted for cellar",
        "temperature=22: acknowledged",
        "noted for cellar",
        "nonsense: refused, Peer(Status(422))",
    ];
    assert_eq!(lines("blocking"), expected);
}
