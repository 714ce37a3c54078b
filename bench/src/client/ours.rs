//! Mainstay, by each of its faces: a handler in the loop, the same driven as a future inside tokio,
//! and a blocking handle whose device runs on its own thread.

use super::{Job, Lap};
use crate::Fallible;
use crate::scenario::{PAYLOAD, TOPIC};
use core::cell::RefCell;
use core::pin::pin;
use core::time::Duration;
use mainstay::{
    Answer, Builder, Context, Device, Flags, Handler, Outcome, PayloadId, Policy, Reason, State,
};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

const WHOLE: Flags = Flags::ends(true, true);

/// How long a device without deadlines is left alone.
const LONG: Duration = Duration::from_secs(60);

/// The policy of a run: one streamtype `it`.
pub(crate) fn policy(job: &Job, protocol: &str) -> Fallible<Policy> {
    let rules = match protocol {
        "ws" => r#""http_url":"echo","ws_binary":true,"nailed_up":true"#.to_owned(),
        "h1" | "h2" => r#""http_method":"GET","http_url":"item""#.to_owned(),
        "mqtt" => format!(
            r#""mqtt_topic":"{TOPIC}","mqtt_qos":1,"mqtt_keep_alive":60,"mqtt_clean_start":true,"nailed_up":true"#
        ),
        other => return Err(format!("no policy for {other}").into()),
    };
    let port = job.port;
    let (tls, trust) = match &job.ca {
        None => ("", String::new()),
        Some(ca) => (
            r#","tls":true,"tls_trust_store":"trust""#,
            format!(
                r#""certs":[{{"ca":"{}"}}],"trust_stores":[{{"name":"trust","stack":["ca"]}}],"#,
                base64(ca)?
            ),
        ),
    };
    let text = format!(
        r#"{{{trust}"s":[{{"it":{{"endpoint":"127.0.0.1","port":{port},"protocol":"{protocol}",{rules}{tls}}}}}]}}"#
    );
    let parsed = Policy::parse(&text, "bench").map_err(|faults| format!("{text}: {faults:?}"))?;
    Ok(parsed.policy)
}

/// What stands between the lines of a PEM file with one certificate.
fn base64(pem: &Path) -> Fallible<String> {
    Ok(fs::read_to_string(pem)?.lines().filter(|line| !line.starts_with('-')).collect())
}

/// The application: as many operations under way as the job says, until all are done.
struct Worker {
    shared: Rc<RefCell<Shared>>,
    /// HTTP: a connection is an operation.
    is_http: bool,
    /// Operations of this stream at once.
    in_flight: usize,
}

struct Shared {
    lap: Lap,
    fault: Option<String>,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.lap.is_over() || self.fault.is_some()
    }
}

impl Worker {
    fn next(&self, cx: &mut Context<'_>) {
        if !self.shared.borrow_mut().lap.begin() {
            return;
        }
        if self.is_http {
            return cx.connect();
        }
        if let Err(misuse) = cx.send(&PAYLOAD, WHOLE) {
            self.fail(format!("send: {misuse:?}"));
        }
    }

    fn finish(&self, cx: &mut Context<'_>) {
        self.shared.borrow_mut().lap.finish();
        self.next(cx);
    }

    fn fail(&self, fault: String) {
        self.shared.borrow_mut().fault.get_or_insert(fault);
    }
}

impl Handler for Worker {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        if state == State::Creating && self.is_http {
            self.next(cx);
        } else if state == State::Connected && !self.is_http {
            (0..self.in_flight).for_each(|_| self.next(cx));
        } else if state == State::Disconnected && self.is_http && reason.is_none() {
            self.finish(cx);
        } else if matches!(state, State::Disconnected | State::Unreachable | State::QosNackRemote) {
            self.fail(format!("{state:?}: {reason:?}"));
        }
        Answer::Ok
    }

    fn rx(&mut self, cx: &mut Context<'_>, _payload: &[u8], flags: Flags) -> Answer {
        // MQTT answers with an outcome, HTTP with the end of the transaction.
        if !self.is_http && flags.has(Flags::EOM) {
            self.finish(cx);
        }
        Answer::Ok
    }

    fn outcome(&mut self, cx: &mut Context<'_>, _id: PayloadId, outcome: Outcome, _through: bool) {
        match outcome {
            Outcome::Acknowledged if !self.is_http => self.finish(cx),
            Outcome::Acknowledged | Outcome::Sent => {}
            Outcome::Refused(_) | Outcome::Unknown(_) => self.fail(format!("{outcome:?}")),
        }
    }
}

/// A device with its streams: one with all in flight, or with HTTP one for each transaction.
fn start(job: &Job, protocol: &str) -> Fallible<(Device, Rc<RefCell<Shared>>)> {
    let mut device = Builder::new(policy(job, protocol)?).build()?;
    let shared = Rc::new(RefCell::new(Shared { lap: Lap::new(job), fault: None }));
    let is_http = matches!(protocol, "h1" | "h2");
    let (streams, in_flight) = if is_http { (job.in_flight, 1) } else { (1, job.in_flight) };
    for _ in 0..streams {
        let worker = Worker { shared: Rc::clone(&shared), is_http, in_flight };
        device.create("it", worker).map_err(|error| format!("{error:?}"))?;
    }
    Ok((device, shared))
}

fn conclude(shared: &RefCell<Shared>) -> Fallible {
    let shared = shared.borrow();
    if let Some(fault) = &shared.fault {
        return Err(fault.clone().into());
    }
    shared.lap.report();
    Ok(())
}

/// A handler in the loop: the caller's thread turns the device.
pub(super) fn in_the_loop(job: &Job, protocol: &str) -> Fallible {
    let (mut device, shared) = start(job, protocol)?;
    while !shared.borrow().is_over() {
        device.turn(None)?;
    }
    conclude(&shared)
}

/// The same handler; the device is a future of a tokio runtime, by its descriptor.
pub(super) fn as_a_future(job: &Job, protocol: &str) -> Fallible {
    let (mut device, shared) = start(job, protocol)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let descriptor = watch(&device)?;
        let mut alarm = pin!(sleep_until(Instant::now()));
        while !shared.borrow().is_over() {
            device.turn(Some(Duration::ZERO))?;
            let wait = device.deadline().map_or(LONG, |at| at.since(device.now()));
            if wait == Duration::ZERO {
                continue;
            }
            // An alarm that is too early is harmless: traffic, which moves deadlines, leaves it be.
            let until = Instant::now() + wait;
            if until < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(until);
            }
            tokio::select! {
                biased;
                ready = descriptor.readable() => ready?.clear_ready(),
                () = &mut alarm => {}
            }
        }
        Fallible::Ok(())
    })?;
    conclude(&shared)
}

/// tokio's watch over a device's descriptor, of which it gets a copy of its own.
#[expect(
    deprecated,
    reason = "the face that replaces it is unsafe; an `OwnedFd` keeps its promise"
)]
fn watch(device: &Device) -> Fallible<AsyncFd<OwnedFd>> {
    Ok(AsyncFd::with_interest(device.as_fd().try_clone_to_owned()?, Interest::READABLE)?)
}

/// A blocking handle; the device has a thread of its own.
pub(super) fn on_its_own_thread(job: &Job) -> Fallible {
    let remote = Builder::new(policy(job, "ws")?).spawn()?;
    let stream = remote.open("it").blocking();
    let mut lap = Lap::new(job);
    let send = |lap: &mut Lap| {
        if lap.begin() {
            drop(stream.post(&PAYLOAD[..])?);
        }
        Fallible::Ok(())
    };
    for _ in 0..job.in_flight {
        send(&mut lap)?;
    }
    while !lap.is_over() {
        if stream.recv(None)?.is_some_and(|chunk| chunk.flags.has(Flags::EOM)) {
            lap.finish();
            send(&mut lap)?;
        }
    }
    lap.report();
    Ok(())
}
