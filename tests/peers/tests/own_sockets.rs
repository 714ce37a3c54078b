//! Connections of our own stack as tokio's, across a TAP, with the kernel's sockets at the other end.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay::own::{Connection, Sockets};
use mainstay_peer_tests::own::{KERNEL, Lan, OURS, PATIENCE, Shape, coming, listener, taking};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const MIB: usize = 1 << 20;

/// The link, served by its thread, under a current-thread runtime.
fn over_tap(test: &str, act: impl AsyncFnOnce(&Lan, Sockets) + Send) {
    Lan::run(test, |lan| {
        lan.wait_free();
        let shape = Shape::default();
        let sockets = Sockets::spawn(shape.network(), &[shape.link()]).unwrap();
        lan.wait_up();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, act(lan, sockets)).await.unwrap();
        });
    });
}

/// Sends back what comes, until its end; how much that was.
fn echo(mut stream: TcpStream) -> usize {
    let (mut space, mut count) = (vec![0; 1 << 16], 0);
    loop {
        match stream.read(&mut space).unwrap() {
            0 => break,
            len => {
                stream.write_all(&space[..len]).unwrap();
                count += len;
            }
        }
    }
    stream.shutdown(Shutdown::Write).unwrap();
    count
}

/// Sends so much, ends, and reads until the peer's end; all of it came back.
async fn converse(connection: &Connection, len: usize) {
    let sent: Vec<u8> = (0..len).map(|n| (n * n + 7 * n).to_le_bytes()[1]).collect();
    let (mut reader, mut writer) = (connection, connection);
    let mut back = Vec::new();
    let write = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let (read, ()) = tokio::join!(reader.read_to_end(&mut back), write);
    assert_eq!(read.unwrap(), len);
    assert!(back == sent);
}

// Covers LAY-177, LAY-211
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn tokio_reads_and_writes_over_our_own_stack_whoever_connects() {
    over_tap("own-sockets", async |lan, sockets| {
        for family in [0, 1] {
            let (listener, port) = listener(KERNEL[family]);
            let kernel = taking(listener, echo);
            let connection = sockets.connect((KERNEL[family], port).into()).await.unwrap();
            converse(&connection, 4 * MIB).await;
            assert_eq!(kernel.join().unwrap(), 4 * MIB);

            let port = lan.site().port();
            let ours = sockets.listen((OURS[family], port).into()).unwrap();
            let kernel = coming(OURS[family], port, echo);
            let connection = ours.accept().await.unwrap();
            converse(&connection, 4 * MIB).await;
            assert_eq!(kernel.join().unwrap(), 4 * MIB);
        }
    });
}

// Covers LAY-178
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn the_kernel_sees_a_reset_from_an_abort_and_an_end_from_a_drop() {
    over_tap("own-sockets-end", async |_, sockets| {
        let (listener, port) = listener(KERNEL[0]);
        let kernel = taking(listener.try_clone().unwrap(), |mut stream| {
            stream.read_to_end(&mut Vec::new()).unwrap_err().kind()
        });
        let mut connection = sockets.connect((KERNEL[0], port).into()).await.unwrap();
        connection.write_all(&[7; 1000]).await.unwrap();
        connection.abort();
        assert_eq!(kernel.join().unwrap(), io::ErrorKind::ConnectionReset);

        let kernel = taking(listener, |mut stream| {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            all.len()
        });
        let mut connection = sockets.connect((KERNEL[0], port).into()).await.unwrap();
        connection.write_all(&vec![7; MIB / 2]).await.unwrap();
        // The last one that holds anything: the thread ends behind what was written.
        drop((connection, sockets));
        assert_eq!(kernel.join().unwrap(), MIB / 2);
    });
}
