//! What a script expects of the endpoint: lines that begin with `expect`.

use crate::language::number;
use crate::parts::Subject;
use crate::world::World;

impl<P: Subject> World<P> {
    pub(crate) fn expect(&mut self, words: &[String], counters: &[i64]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["event", wanted] => self.expect_event(wanted),
            ["events", ref wanted @ ..] => self.expect_events(wanted),
            ["no", "event"] => self.expect_events(&[]),
            ["no", "event", name] => {
                let found = self.place().events.iter().find(|event| is(event, name)).cloned();
                found.map_or(Ok(()), |event| Err(format!("expected no event {name}, came {event}")))
            }
            ["timer", wanted] => {
                let timers = self.timers();
                if timers.iter().any(|timer| timer == wanted) {
                    return Ok(());
                }
                Err(format!("expected timer {wanted}, armed are {}", timers.join(" ")))
            }
            ["no", "timer", ref which @ ..] => {
                let timers = self.timers();
                let armed = |timer: &String| which.is_empty() || which.contains(&timer.as_str());
                if timers.iter().any(armed) {
                    return Err(format!("expected no timer, armed are {}", timers.join(" ")));
                }
                Ok(())
            }
            ["state" | "ended" | "soft" | "verdict", wanted] => {
                let there = self.word(words[0])?;
                if there == wanted {
                    return Ok(());
                }
                Err(format!("expected {} {wanted}, is {there}", words[0]))
            }
            [] => Err("expect what?".to_owned()),
            _ => words.iter().try_for_each(|word| self.compare(word, counters)),
        }
    }

    /// The events up to the one that is meant are taken.
    fn expect_event(&mut self, wanted: &str) -> Result<(), String> {
        let events = &mut self.place().events;
        let Some(at) = events.iter().position(|event| is(event, wanted)) else {
            let there: Vec<_> = events.iter().map(String::as_str).collect();
            return Err(format!("expected event {wanted}, there are: {}", there.join(" ")));
        };
        events.drain(..=at);
        Ok(())
    }

    /// Exactly these.
    fn expect_events(&mut self, wanted: &[&str]) -> Result<(), String> {
        let events: Vec<String> = self.place().events.drain(..).collect();
        let same = events.len() == wanted.len()
            && events.iter().zip(wanted).all(|(event, wanted)| is(event, wanted));
        if same {
            return Ok(());
        }
        Err(format!("expected events {}, came {}", wanted.join(" "), events.join(" ")))
    }

    fn timers(&mut self) -> Vec<String> {
        let (now, handle) = (self.now, self.place().handle);
        let live = self.engine.at(now, handle);
        live.map_or_else(Vec::new, |live| {
            live.timeouts().map(|(timer, _)| format!("{timer:?}")).collect()
        })
    }

    fn word(&self, of: &str) -> Result<String, String> {
        let handle = self.places[self.current].handle;
        let facts = self.engine.endpoint(handle).ok_or("the endpoint is gone")?.facts();
        let or_none = |word: Option<String>| word.unwrap_or_else(|| "none".to_owned());
        Ok(match of {
            "state" => format!("{:?}", facts.state),
            "ended" => or_none(facts.ended.map(|ended| format!("{ended:?}"))),
            "soft" => or_none(facts.soft.map(|soft| format!("{soft:?}"))),
            _ => self.verdict.clone(),
        })
    }

    /// `cwnd=1000`, `flight<=500`.
    fn compare(&self, word: &str, counters: &[i64]) -> Result<(), String> {
        let operators: [Operator; 5] = [
            ("<=", |a, b| a <= b),
            (">=", |a, b| a >= b),
            ("=", |a, b| a == b),
            ("<", |a, b| a < b),
            (">", |a, b| a > b),
        ];
        let split = operators.iter().find_map(|(operator, holds)| {
            word.split_once(operator).map(|(name, value)| (name, value, holds))
        });
        let (name, value, holds) = split.ok_or_else(|| format!("`{word}` expects nothing"))?;
        let wanted = number(value, counters)?;
        let there = self.fact(name).ok_or_else(|| format!("nothing is called `{name}`"))?;
        if holds(there, wanted) {
            return Ok(());
        }
        Err(format!("expected {word}, {name} is {there}"))
    }

    /// A number by its name; -1 for what is not known.
    fn fact(&self, name: &str) -> Option<i64> {
        let endpoint = self.engine.endpoint(self.places[self.current].handle)?;
        let facts = endpoint.facts();
        let counters = self.engine.counters();
        let len = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let known = |value: Option<u32>| value.map_or(-1, i64::from);
        Some(match name {
            "timestamps" => facts.timestamps.into(),
            "sack" => facts.sack.into(),
            "ecn" => facts.ecn.into(),
            "scale_out" => facts.scale.map_or(-1, |(out, _)| out.into()),
            "scale_in" => facts.scale.map_or(-1, |(_, inward)| inward.into()),
            "mss" => facts.mss.into(),
            "mss_in" => facts.mss_in.into(),
            "cwnd" => facts.cwnd.into(),
            "ssthresh" => facts.ssthresh.into(),
            "srtt" => known(facts.srtt),
            "rttvar" => facts.rttvar.into(),
            "min_rtt" => known(facts.min_rtt),
            "rto" => facts.rto.into(),
            "flight" => facts.flight.into(),
            "lost" => facts.lost.into(),
            "backlog" => facts.backlog.into(),
            "queued" => len(facts.queued),
            "unread" => len(facts.unread),
            "out_of_order" => len(facts.out_of_order),
            "window" => facts.window.into(),
            "window_in" => facts.window_in.into(),
            "retries" => facts.retries.into(),
            "recovering" => facts.recovering_to.is_some().into(),
            "end" => endpoint.is_end_of_stream().into(),
            "asked" => len(self.asked.len()),
            "asked_last" => self.asked.last().map_or(-1, |last| len(*last)),
            "received" => count(counters.received),
            "sent" => count(counters.sent),
            "damaged" => count(counters.damaged),
            "ignored" => count(counters.ignored),
            "strangers" => count(counters.strangers),
            "malformed" => count(counters.malformed_options),
            "unanswered" => count(counters.unanswered),
            _ => return None,
        })
    }
}

/// How it is written and when it holds.
type Operator = (&'static str, fn(i64, i64) -> bool);

/// `Name` means any of that kind, `Name(1)` just that one.
fn is(event: &str, wanted: &str) -> bool {
    event == wanted || event.split('(').next() == Some(wanted)
}
