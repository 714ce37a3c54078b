//! Base transports in JSON (LAY-200 to LAY-202).

use core::time::Duration;

use serde_json::{Value, json};

use super::{Members, Written, millis};
use crate::error::{SpecFault, SpecFaultKind};
use crate::limits::UNIX_PATH_MAX;
use crate::spec::{BaseSpec, Keepalive, MemSpec, OsTcpSpec, UnixSpec};

impl BaseSpec {
    pub(super) fn read(mut members: Members<'_>) -> Result<Self, SpecFault> {
        let name = members.needed_text("use")?;
        let base = match name.as_str() {
            "os-tcp" => Self::OsTcp(os_tcp(&mut members)?),
            "unix" => Self::Unix(unix(&mut members)?),
            "mem" => Self::Mem(mem(&mut members)?),
            _ => return Err(SpecFault::new(&members.path_of("use"), SpecFaultKind::UnknownName)),
        };
        members.finish().map(|()| base)
    }

    pub(super) fn write(&self) -> Value {
        let mut written = Written::new(self.name());
        match self {
            Self::OsTcp(spec) => write_os_tcp(&mut written, spec),
            Self::Unix(spec) => written.put_text("path", Some(&spec.path)),
            Self::Mem(spec) => write_mem(&mut written, spec),
        }
        Value::Object(written.0)
    }
}

fn os_tcp(members: &mut Members<'_>) -> Result<OsTcpSpec, SpecFault> {
    let mut spec = OsTcpSpec::default();
    if let Some(bind) = members.text("bind")? {
        let address =
            bind.parse().or_else(|_| bind.parse().map(|ip: core::net::IpAddr| (ip, 0).into()));
        let fault = |_: core::net::AddrParseError| members.invalid("bind", "an IP address");
        spec.bind = Some(address.map_err(fault)?);
    }
    spec.interface = members.text("interface")?;
    spec.mark = members.number("mark")?;
    members.flag("reuse_port", &mut spec.reuse_port)?;
    members.flag("fast_open", &mut spec.fast_open)?;
    members.flag("nodelay", &mut spec.nodelay)?;
    if let Some(value) = members.value("keepalive") {
        spec.keepalive = Some(keepalive(Members::of(value, &members.path_of("keepalive"))?)?);
    }
    let timeout = members.number::<u32>("user_timeout_ms")?;
    spec.user_timeout = timeout.map(|millis| Duration::from_millis(millis.into()));
    members.millis("happy_eyeballs_ms", &mut spec.happy_eyeballs)?;
    members.millis("connect_ms", &mut spec.connect)?;
    Ok(spec)
}

/// `idle` and `intvl` in milliseconds.
fn keepalive(mut members: Members<'_>) -> Result<Keepalive, SpecFault> {
    let mut needed = |member| members.number::<u32>(member)?.ok_or_else(|| members.missing(member));
    let (idle, interval, count) = (needed("idle")?, needed("intvl")?, needed("count")?);
    members.finish()?;
    let wait = |millis: u32| Duration::from_millis(millis.into());
    Ok(Keepalive { idle: wait(idle), interval: wait(interval), count })
}

fn unix(members: &mut Members<'_>) -> Result<UnixSpec, SpecFault> {
    let path = members.needed_text("path")?;
    let fits = (1..=UNIX_PATH_MAX).contains(&path.len()) && !path.contains('\0');
    if !fits {
        return Err(members.invalid("path", "1 to 107 bytes"));
    }
    Ok(UnixSpec { path })
}

fn mem(members: &mut Members<'_>) -> Result<MemSpec, SpecFault> {
    let mut spec = MemSpec::new(&members.needed_text("label")?);
    spec.ring = members.number("ring")?.unwrap_or(spec.ring);
    members.millis("latency_ms", &mut spec.latency)?;
    spec.rate = members.number("rate")?;
    spec.chunk = members.number("chunk")?;
    spec.seed = members.number("seed")?.unwrap_or(spec.seed);
    if spec.ring == 0 || spec.rate == Some(0) || spec.chunk == Some(0) {
        return Err(members.invalid("ring", "above zero, as rate and chunk"));
    }
    Ok(spec)
}

fn write_os_tcp(written: &mut Written, spec: &OsTcpSpec) {
    let default = OsTcpSpec::default();
    written.put_text("bind", spec.bind.map(|bind| bind.to_string()).as_ref());
    written.put_text("interface", spec.interface.as_ref());
    written.put("mark", &spec.mark, &None, |mark| json!(mark));
    written.put_flag("reuse_port", spec.reuse_port, false);
    written.put_flag("fast_open", spec.fast_open, false);
    written.put_flag("nodelay", spec.nodelay, true);
    if let Some(Keepalive { idle, interval, count }) = spec.keepalive {
        let value = json!({ "idle": millis(idle), "intvl": millis(interval), "count": count });
        written.0.insert("keepalive".to_owned(), value);
    }
    written.put("user_timeout_ms", &spec.user_timeout, &None, |wait| json!(wait.map(millis)));
    written.put_millis("happy_eyeballs_ms", spec.happy_eyeballs, default.happy_eyeballs);
    written.put_millis("connect_ms", spec.connect, default.connect);
}

fn write_mem(written: &mut Written, spec: &MemSpec) {
    let default = MemSpec::new("");
    written.put_text("label", Some(&spec.label));
    written.put("ring", &spec.ring, &default.ring, |ring| json!(ring));
    written.put_millis("latency_ms", spec.latency, default.latency);
    written.put("rate", &spec.rate, &None, |rate| json!(rate));
    written.put("chunk", &spec.chunk, &None, |chunk| json!(chunk));
    written.put("seed", &spec.seed, &0, |seed| json!(seed));
}
