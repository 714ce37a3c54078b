//! An MQTT broker: mosquitto, if it is installed.

use crate::{Fallible, pki};
use core::time::Duration;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;

/// Where distributions put it. Not in the path of an ordinary user on Debian.
const PLACES: &[&str] = &["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];

/// A running broker; ends when dropped.
#[derive(Debug)]
pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
}

impl Broker {
    /// Starts one with its own folder; `None` where there is none to start.
    pub(crate) fn start(folder: &Path, tls: bool) -> Fallible<Option<Self>> {
        let Some(program) = PLACES.iter().find(|place| Path::new(place).exists()) else {
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut rules = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n\
             persistence false\nlog_type error\n"
        );
        if tls {
            let file = |name: &str| folder.join(name).display().to_string();
            rules += &format!("certfile {}\nkeyfile {}\n", file(pki::CERT), file(pki::KEY));
            // It gives up its privileges before it reads them.
            rules += "user root\n";
        }
        let config = folder.join(format!("mosquitto-{port}.conf"));
        fs::write(&config, rules)?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null());
        let broker = Self { child: command.spawn()?, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Some(broker));
            }
            sleep(Duration::from_millis(20));
        }
        Err("mosquitto does not listen".into())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
