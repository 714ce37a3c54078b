//! Words, numbers and times of a script.

use core::time::Duration;

/// A line with something on it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Counts from 1.
    pub(crate) number: usize,
    pub(crate) words: Vec<String>,
}

/// The lines of a script, without comments.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let numbered = text.lines().enumerate().map(|(index, line)| Line {
        number: index + 1,
        words: words(line.split('#').next().unwrap_or("")),
    });
    numbered.filter(|line| !line.words.is_empty()).collect()
}

/// Splits at blanks; what stands in `<..>` is one word.
fn words(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        match found.last_mut() {
            Some(last)
                if last.len() > 1
                    && last.starts_with('<')
                    && last != "<<"
                    && !last.ends_with('>') =>
            {
                last.push(' ');
                last.push_str(word);
            }
            _ => found.push(word.to_owned()),
        }
    }
    found
}

/// When a line happens: so long after the line before, give or take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) after: Duration,
    pub(crate) tolerance: Duration,
}

/// Timers may be late by a tick of the profile.
const TOLERANCE: Duration = Duration::from_millis(3);

impl When {
    pub(crate) const NOW: Self = Self { after: Duration::ZERO, tolerance: TOLERANCE };

    /// `+0.2` or `+0.2~0.05`.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let text = word.strip_prefix('+').ok_or("a time begins with +")?;
        let (after, tolerance) = match text.split_once('~') {
            Some((after, tolerance)) => (seconds(after)?, seconds(tolerance)?),
            None => (seconds(text)?, TOLERANCE),
        };
        Ok(Self { after, tolerance })
    }
}

/// Seconds with up to six digits after the point.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let fault = || format!("`{text}` is not a time in seconds");
    let micros = format!("{part:0<6}");
    if micros.len() > 6 {
        return Err(fault());
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| fault())? };
    Ok(Duration::from_secs(whole) + Duration::from_micros(micros.parse().map_err(|_| fault())?))
}

/// A number, or a sum of products of numbers and the counters of the loops around it.
pub(crate) fn number(text: &str, counters: &[i64]) -> Result<i64, String> {
    let fault = || format!("`{text}` is not a number");
    let mut sum: i64 = 0;
    let mut rest = text;
    let mut sign = 1;
    loop {
        if let Some(after) = rest.strip_prefix('-') {
            (sign, rest) = (-sign, after);
        }
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let mut product: i64 = sign;
        for factor in rest[..end].split('*') {
            let value = match factor {
                "i" => *counters.last().ok_or_else(fault)?,
                "j" => *counters
                    .len()
                    .checked_sub(2)
                    .and_then(|at| counters.get(at))
                    .ok_or_else(fault)?,
                _ => factor.parse().map_err(|_| fault())?,
            };
            product = product.checked_mul(value).ok_or_else(fault)?;
        }
        sum += product;
        rest = &rest[end..];
        let Some(operator) = rest.chars().next() else { return Ok(sum) };
        sign = if operator == '-' { -1 } else { 1 };
        rest = &rest[1..];
    }
}

/// A number, or `*` for any.
pub(crate) fn any_number(text: &str, counters: &[i64]) -> Result<Option<i64>, String> {
    if text == "*" { Ok(None) } else { number(text, counters).map(Some) }
}

/// The low 32 bits of a number: sequence numbers wrap.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "modulo 2^32 is meant")]
pub(crate) const fn wrap(value: i64) -> u32 {
    value as u32
}

/// How far `a` is ahead of `b`, negative if behind.
pub(crate) fn ahead(a: u32, b: u32) -> i64 {
    i64::from(a.wrapping_sub(b).cast_signed())
}

/// A number that must fit.
pub(crate) fn fit<T: TryFrom<i64>>(value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("{value} is out of range here"))
}
