//! Reads a script line by line and does what it says.

use crate::language::{Line, When, fit, lines, number, seconds};
use crate::notation::{Seen, Shape};
use crate::parts::{Config, HostCubic, HostReno, StdCubic, Subject, TinyReno};
use crate::world::{Decision, PORTS, World};
use core::fmt;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_tcp::{IcmpError, IcmpKind, Soft, Tuple};

/// What a script did not get, and what it got instead.
#[derive(Debug)]
pub(crate) struct Failure {
    line: usize,
    message: String,
    log: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.line, self.message)?;
        writeln!(f, "  since the last match:")?;
        self.log.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Runs a whole script.
pub(crate) fn script(text: &str) -> Result<(), Failure> {
    let lines = lines(text);
    let mut config = Config::default();
    let configs = lines.iter().take_while(|line| line.words[0] == "config");
    let mut count = 0;
    for line in configs {
        let taken = config.take(&line.words[1..]);
        taken.map_err(|message| Failure { line: line.number, message, log: Vec::new() })?;
        count += 1;
    }
    let rest = &lines[count..];
    match (config.text("profile"), config.text("cc")) {
        (Some("tiny"), _) => run::<TinyReno>(&config, rest),
        (Some("std"), _) => run::<StdCubic>(&config, rest),
        (_, Some("cubic")) => run::<HostCubic>(&config, rest),
        _ => run::<HostReno>(&config, rest),
    }
}

fn run<P: Subject>(config: &Config, lines: &[Line]) -> Result<(), Failure> {
    let fail = |message: String| Failure { line: 1, message, log: Vec::new() };
    let world = World::<P>::new(config).map_err(fail)?;
    let mut runner = Runner { world, at: Instant::ZERO, line: 1, shown: 0, counters: Vec::new() };
    runner.at = runner.world.now;
    let result = runner.block(lines).and_then(|()| runner.quiet());
    result.map_err(|message| {
        let log = runner.world.log[runner.shown..].to_vec();
        Failure { line: runner.line, message, log }
    })
}

struct Runner<P: Subject> {
    world: World<P>,
    /// When the line before happened.
    at: Instant,
    line: usize,
    /// So much of the log lies before the last match.
    shown: usize,
    /// How often the loops around this line have run.
    counters: Vec<i64>,
}

impl<P: Subject> Runner<P> {
    fn block(&mut self, lines: &[Line]) -> Result<(), String> {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            self.line = line.number;
            at += 1;
            if line.words[0] != "repeat" {
                self.step(&line.words)?;
                continue;
            }
            let count = number(line.words.get(1).ok_or("repeat how often?")?, &self.counters)?;
            let len = body(&lines[at..]).ok_or("repeat without end")?;
            for turn in 0..count {
                self.counters.push(turn);
                self.block(&lines[at..at + len])?;
                self.counters.pop();
            }
            at += len + 1;
        }
        Ok(())
    }

    fn step(&mut self, words: &[String]) -> Result<(), String> {
        let (when, words) = match words[0].strip_prefix('+') {
            Some(_) => (When::parse(&words[0])?, &words[1..]),
            None => (When::NOW, words),
        };
        let (first, rest) = words.split_first().ok_or("a time alone says nothing")?;
        if first == ">" {
            return self.expect_segment(when, rest);
        }
        let until = self.at + when.after;
        if first == "expect"
            && rest.first().is_some_and(|word| word != "nothing")
            && when.after.is_zero()
        {
            self.world.expect(rest, &self.counters)?;
            return Ok(());
        }
        if first == "drop" {
            self.world.advance(until, false)?;
            self.at = until;
            self.world.seen.clear();
            return Ok(());
        }
        self.quiet()?;
        if until > self.world.now && self.world.advance(until, false)? {
            self.quiet()?;
        }
        self.at = self.at.max(until);
        match first.as_str() {
            "<" => {
                self.inject(rest)?;
                self.world.drain();
                Ok(())
            }
            "<<" => self.inject(rest),
            "app" => {
                self.world.note(&format!("app {}", rest.join(" ")));
                self.world.call(rest, &self.counters)
            }
            "expect" if rest[0] == "nothing" => Ok(()),
            "expect" => self.world.expect(rest, &self.counters),
            "icmp" => self.icmp(rest),
            "established" => self.established(rest),
            "connected" => self.connected(rest),
            "forget" => {
                self.world.place().events.clear();
                Ok(())
            }
            "use" => {
                self.world.current =
                    fit(number(rest.first().ok_or("use which?")?, &self.counters)?)?;
                Ok(())
            }
            "on-syn" => self.decide(rest),
            _ => Err(format!("no line begins with `{first}`")),
        }
    }

    /// Whatever left was expected.
    fn quiet(&self) -> Result<(), String> {
        let Some((_, seen)) = self.world.seen.front() else { return Ok(()) };
        Err(format!("expected nothing, came > {}", seen.show()))
    }

    /// Hands over a segment of the peer; what the engine has to say to it is not asked for yet.
    fn inject(&mut self, words: &[String]) -> Result<(), String> {
        self.world.note(&format!("< {}", words.join(" ")));
        let shape = Shape::parse(words, &self.counters)?;
        self.world.inject(&shape)
    }

    /// The next segment that leaves is this, and leaves then.
    fn expect_segment(&mut self, when: When, words: &[String]) -> Result<(), String> {
        let shape = Shape::parse(words, &self.counters)?;
        let due = self.at + when.after;
        let latest = due + when.tolerance;
        if latest >= self.world.now {
            self.world.advance(latest, true)?;
        }
        let wanted = words.join(" ");
        let Some((left, seen)) = self.world.seen.pop_front() else {
            return Err(format!("expected > {wanted}, nothing left"));
        };
        let early = left + when.tolerance < due;
        if early || left > latest {
            let off = if early { due.since(left) } else { left.since(due) };
            let word = if early { "early" } else { "late" };
            return Err(format!("expected > {wanted}, came {off:?} too {word}: > {}", seen.show()));
        }
        if let Some(what) = shape.difference(&seen) {
            return Err(format!("expected > {wanted}, another {what} came: > {}", seen.show()));
        }
        if !seen.is_faithful() {
            return Err(format!("not what the application wrote there: > {}", seen.show()));
        }
        around(&shape, &seen)?;
        self.at = left;
        if self.world.seen.is_empty() {
            self.world.now = self.world.now.max(left);
            self.shown = self.world.log.len();
        }
        Ok(())
    }

    fn icmp(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (kind, rest) = match words[..] {
            ["too-big", mtu, ref rest @ ..] => {
                (IcmpKind::TooBig { mtu: fit(number(mtu, &self.counters)?)? }, rest)
            }
            ["hard", ref rest @ ..] => (IcmpKind::Hard, rest),
            ["soft", ref rest @ ..] => (IcmpKind::Soft(Soft::Unreachable), rest),
            _ => return Err("icmp says too-big, hard or soft".to_owned()),
        };
        let quoted = match rest {
            [] => 1,
            ["seq", at] => number(at, &self.counters)?,
            _ => return Err("icmp quotes `seq N`".to_owned()),
        };
        let (local, peer) = self.world.addresses();
        let tuple = Tuple::new((local, PORTS.0).into(), (peer, PORTS.1).into());
        let sequence = self.world.bases(PORTS.1).ours(quoted);
        self.world.note(&format!("icmp {}", words.join(" ")));
        let verdict =
            self.world.engine.handle_icmp(self.world.now, &IcmpError { tuple, sequence, kind });
        self.world.verdict = format!("{verdict:?}");
        self.world.drain();
        Ok(())
    }

    /// A listener, a SYN with these options, the answer, and a round trip later its acknowledgement.
    fn established(&mut self, words: &[String]) -> Result<(), String> {
        let opening = Opening::parse(words)?;
        self.world.call(&["listen".to_owned()], &[])?;
        self.inject(&opening.segment("S 0:0", true))?;
        self.world.drain();
        self.world.seen.pop_front().ok_or("no answer to the SYN")?;
        self.at += opening.trip;
        self.world.advance(self.at, false)?;
        self.quiet()?;
        self.inject(&opening.segment(". 1:1 ack 1", false))?;
        self.world.drain();
        self.opened()
    }

    /// Our SYN, and a round trip later the answer with these options.
    fn connected(&mut self, words: &[String]) -> Result<(), String> {
        let opening = Opening::parse(words)?;
        self.world.call(&["connect".to_owned()], &[])?;
        self.world.seen.pop_front().ok_or("no SYN left")?;
        self.at += opening.trip;
        self.world.advance(self.at, false)?;
        self.quiet()?;
        self.inject(&opening.segment("S. 0:0 ack 1", true))?;
        self.world.drain();
        self.world.seen.pop_front().ok_or("no acknowledgement of the SYN")?;
        self.opened()
    }

    fn opened(&mut self) -> Result<(), String> {
        self.quiet()?;
        self.world.place().events.clear();
        self.shown = self.world.log.len();
        Ok(())
    }

    fn decide(&mut self, words: &[String]) -> Result<(), String> {
        self.world.decision = match words.first().map(String::as_str) {
            Some("accept") => Decision::Accept,
            Some("defer") => Decision::Defer,
            Some("refuse") => Decision::Refuse,
            _ => return Err("a SYN is accepted, deferred or refused".to_owned()),
        };
        Ok(())
    }
}

/// What the packet around a segment of ours has.
fn around(shape: &Shape, seen: &Seen) -> Result<(), String> {
    for (key, _) in &shape.extras {
        let there = match key.as_str() {
            "dport" => i64::from(seen.header.destination),
            "sport" => i64::from(seen.header.source),
            "hop_limit" => i64::from(seen.hop_limit),
            "dscp" => i64::from(seen.dscp),
            "unit" => seen.unit.map_or(0, i64::from),
            _ => return Err(format!("a segment of ours has no `{key}`")),
        };
        if shape.extra(key)? != Some(there) {
            return Err(format!("expected another {key}, is {there}"));
        }
    }
    Ok(())
}

/// How many lines lie before the `end` that belongs to the `repeat` before them.
fn body(lines: &[Line]) -> Option<usize> {
    let mut depth = 1;
    lines.iter().position(|line| {
        match line.words[0].as_str() {
            "repeat" => depth += 1,
            "end" => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// How a connection is opened in one line.
#[derive(Debug)]
struct Opening {
    options: String,
    /// In the SYN, and after it.
    win: String,
    trip: Duration,
    flags: String,
    stamp: Option<i64>,
}

impl Opening {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut opening = Self {
            options: String::new(),
            win: "65535".to_owned(),
            trip: Duration::from_millis(100),
            flags: String::new(),
            stamp: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "win" => opening.win.clone_from(value()?),
                "rtt" => opening.trip = seconds(value()?)?,
                "flags" => opening.flags.clone_from(value()?),
                _ if word.starts_with('<') => opening.options.clone_from(word),
                _ => return Err(format!("no connection is opened with `{word}`")),
            }
        }
        let stamp = opening.options.split("TS ").nth(1);
        let digits =
            stamp.map(|text| text.chars().take_while(char::is_ascii_digit).collect::<String>());
        opening.stamp = digits.map(|digits| number(&digits, &[])).transpose()?;
        Ok(opening)
    }

    fn segment(&self, segment: &str, syn: bool) -> Vec<String> {
        let mut words: Vec<String> = segment.split(' ').map(str::to_owned).collect();
        words.extend(["win".to_owned(), self.win.clone()]);
        if syn {
            words[0].insert_str(0, &self.flags);
            words.extend(Some(self.options.clone()).filter(|options| !options.is_empty()));
        } else if let Some(stamp) = self.stamp {
            words.push(format!("<TS {}>", stamp + 100));
        }
        words
    }
}
