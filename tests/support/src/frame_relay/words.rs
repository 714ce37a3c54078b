//! An impairment in words: `rate=20M,delay=25ms,loss=0.5%`. And what became of frames, in words.

use super::Report;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_impair::{Codel, Impairment, Loss, Management, Span};

/// What stands in a list of words, the last one of a kind counts.
pub const WORDS: &str =
    "  rate=20M            bits per second at the bottleneck; K, M, G are thousands
  queue=64K           bytes that wait there at most; K, M are 1024s
  codel, codel-ecn    that queue managed by CoDel, dropping or marking
  mark-above=1ms      that queue marks ECT packets that wait longer
  delay=25ms          after the bottleneck; us, ms, s
  jitter=2ms          as much later at most, order kept
  jitter-reorders     .. order not kept
  loss=0.5%           each frame by itself
  nth=10              exactly one frame of so many
  burst=1%/20%/0%/50% Gilbert-Elliott: go bad, go good, lost while good, lost while bad
  reorder=1%          held back and overtaken ..
  by=3                .. by so many frames (1)
  patience=5ms        .. or this long (20ms)
  duplicate=1%        comes twice
  corrupt=1%          bits flipped ..
  bits=2              .. so many (1)
  after=54            .. after so many bytes of the frame (0)
  fix-checksum        .. so that checksums do not notice
  truncate=1%         cut short
  mark=1%             CE on ECT packets
  mtu=1400            longer packets are dropped
  down=5s-7s          takes nothing between, since the start; may stand more than once
";

/// Reads a list of words, for a link of Ethernet frames. Empty: a perfect link.
///
/// # Errors
/// The word that is none, or whose value is none.
pub fn parse(text: &str) -> Result<Impairment, String> {
    let mut link = Impairment { link_header: 14, ..Impairment::default() };
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        take(&mut link, key, value)
            .ok_or_else(|| format!("{word}: no such word, or no such value"))?;
    }
    Ok(link)
}

fn take(link: &mut Impairment, key: &str, value: &str) -> Option<()> {
    match key {
        "rate" => link.rate = Some(rate(value)?),
        "queue" => link.queue_bytes = bytes(value)?,
        "codel" | "codel-ecn" if value.is_empty() => {
            let ecn = key == "codel-ecn";
            link.management = Management::Codel(Codel { ecn, ..Codel::default() });
        }
        "mark-above" => link.management = Management::MarkAbove(time(value)?),
        "delay" => link.delay = time(value)?,
        "jitter" => link.jitter = time(value)?,
        "jitter-reorders" if value.is_empty() => link.reorder.by_jitter = true,
        "loss" => link.loss = Loss::Random { per_million: share(value)? },
        "nth" => link.loss = Loss::EveryNth(value.parse().ok()?),
        "burst" => link.loss = burst(value)?,
        "reorder" => link.reorder.per_million = share(value)?,
        "by" => link.reorder.frames = value.parse().ok()?,
        "patience" => link.reorder.patience = time(value)?,
        "duplicate" => link.duplicate_per_million = share(value)?,
        "corrupt" => link.corrupt.per_million = share(value)?,
        "bits" => link.corrupt.bits = value.parse().ok()?,
        "after" => link.corrupt.after = value.parse().ok()?,
        "fix-checksum" if value.is_empty() => link.corrupt.fix_checksum = true,
        "truncate" => link.truncate_per_million = share(value)?,
        "mark" => link.mark_per_million = share(value)?,
        "mtu" => link.mtu = Some(value.parse().ok()?),
        "down" => {
            let (from, until) = value.split_once('-')?;
            let at = |text| time(text).map(|time| Instant::ZERO + time);
            link.down.push(Span { from: at(from)?, until: at(until)? });
        }
        _ => return None,
    }
    Some(())
}

/// `1.5` with three places is 1500; more digits after the point than that are none.
fn decimal(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > places || !digits(whole) || !digits(part) {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

fn share(text: &str) -> Option<u32> {
    let value = decimal(text.strip_suffix('%')?, 4)?;
    u32::try_from(value).ok().filter(|value| *value <= mainstay_impair::PER_MILLION)
}

fn rate(text: &str) -> Option<u64> {
    let scales = [("K", 3), ("M", 6), ("G", 9), ("", 0)];
    scales.iter().find_map(|(suffix, places)| decimal(text.strip_suffix(suffix)?, *places))
}

fn time(text: &str) -> Option<Duration> {
    let scales = [("us", 0), ("ms", 3), ("s", 6)];
    let micros =
        scales.iter().find_map(|(suffix, places)| decimal(text.strip_suffix(suffix)?, *places));
    micros.map(Duration::from_micros)
}

fn bytes(text: &str) -> Option<usize> {
    let scales = [("K", 1024), ("M", 1024 * 1024), ("", 1)];
    let scaled = |(suffix, scale): &(&str, usize)| {
        text.strip_suffix(suffix)?.parse::<usize>().ok()?.checked_mul(*scale)
    };
    scales.iter().find_map(scaled)
}

fn burst(text: &str) -> Option<Loss> {
    let shares: Option<Vec<u32>> = text.split('/').map(share).collect();
    let [enter, leave, good, bad] = shares?.try_into().ok()?;
    Some(Loss::Burst {
        enter_per_million: enter,
        leave_per_million: leave,
        good_per_million: good,
        bad_per_million: bad,
    })
}

/// One line: what became of the frames of one way, `name=number` each.
#[must_use]
pub fn describe(report: &Report) -> String {
    let counted = report.counters;
    format!(
        "in={} out={} segments={} bytes={} duplicated={} down={} mtu={} lost={} queue={} codel={} memory={} \
         refused={} corrupted={} truncated={} marked={} held_back={} late={} latest_us={}",
        counted.input.frames,
        counted.output.frames,
        counted.output.segments,
        counted.output.bytes,
        counted.duplicated.frames,
        counted.down.frames,
        counted.mtu.frames,
        counted.loss.frames,
        counted.queue.frames,
        counted.codel.frames,
        counted.memory.frames,
        report.refused,
        counted.corrupted,
        counted.truncated,
        counted.marked,
        counted.held_back,
        report.late,
        report.latest.as_micros(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_list_is_understood() {
        let mut number = 0;
        for line in WORDS.lines() {
            let words = line[..22].trim();
            for word in words.split(", ") {
                let link = parse(word).unwrap();
                assert_ne!(link, parse("").unwrap(), "{word}");
                number += 1;
            }
        }
        assert_eq!(number, 23);
    }

    #[test]
    fn numbers_mean_what_they_say() {
        let link = parse("rate=1.5M, delay=2.5ms, queue=2K, loss=0.05%, down=1s-2s").unwrap();
        assert_eq!(link.rate, Some(1_500_000));
        assert_eq!(link.delay, Duration::from_micros(2500));
        assert_eq!(link.queue_bytes, 2048);
        assert_eq!(link.loss, Loss::Random { per_million: 500 });
        assert_eq!(link.down[0].until, Instant::from_millis(2000));
        assert_eq!(parse("loss=100%").unwrap().loss, Loss::Random { per_million: 1_000_000 });
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for word in [
            "loss=101%",
            "loss=1",
            "delay=1",
            "delay=-1ms",
            "speed=1",
            "codel=1",
            "rate=",
            "burst=1%",
        ] {
            assert!(parse(word).unwrap_err().starts_with(word), "{word}");
        }
    }
}
