//! Blocking handles: the device has a thread of its own, the application calls and waits.
//!
//! `cargo run -p mainstay --example blocking`
#![expect(clippy::print_stdout, reason = "it shows what moved")]

use core::error::Error;
use core::time::Duration;
use mainstay::{Builder, Flags, Outcome, Policy};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let port = http_server()?;
    let policy = format!(
        r#"{{ "s": [{{ "telemetry": {{
            "endpoint": "127.0.0.1", "port": {port}, "protocol": "h1",
            "http_method": "POST", "http_url": "readings",
            "metadata": [{{ "sensor": "x-sensor:" }}]
        }} }}] }}"#
    );
    let device = Builder::new(Policy::parse(&policy, "example")?.policy).spawn()?;
    let telemetry = device.open("telemetry").blocking();
    telemetry.stream().set_metadata("sensor", b"cellar");

    for reading in ["temperature=21", "temperature=22", "nonsense"] {
        // A request of its own each time; its status is the message's outcome.
        let outcome = telemetry.send(reading)?;
        match outcome {
            Outcome::Acknowledged => println!("{reading}: acknowledged"),
            Outcome::Sent => println!("{reading}: sent, nobody says more"),
            Outcome::Refused(why) => println!("{reading}: refused, {why:?}"),
            Outcome::Unknown(why) => println!("{reading}: nobody knows, {why:?}"),
        }
        if outcome == Outcome::Acknowledged {
            // The response's body comes in pieces; the last one is marked.
            while let Some(chunk) = telemetry.recv(Some(PATIENCE))? {
                print!("{}", String::from_utf8_lossy(&chunk.bytes));
                if chunk.flags.has(Flags::EOM) {
                    println!();
                    break;
                }
            }
        }
    }
    drop(telemetry);
    device.stop()?;
    Ok(())
}

/// An HTTP server that takes readings of temperatures and nothing else, a connection after the other.
fn http_server() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // The client may leave at any time.
            let _left = transact(&stream);
        }
    })?;
    Ok(port)
}

fn transact(mut stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut sensor = String::new();
    let mut len = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        match line.trim().split_once(": ") {
            Some(("content-length" | "Content-Length", text)) => len = text.parse().unwrap_or(0),
            Some(("x-sensor", text)) => text.clone_into(&mut sensor),
            Some(_) | None => {}
        }
        line.clear();
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    let (status, answer) = if body.starts_with(b"temperature=") {
        ("200 OK", format!("noted for {sensor}"))
    } else {
        ("422 Unprocessable Content", "what is that?".to_owned())
    };
    let len = answer.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{answer}"
    )
}
