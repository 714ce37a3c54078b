//! The live table: one row per stream, redrawn in place in one write.

use super::keep::Row;
use super::reason;
use crossterm::cursor::{Hide, MoveToColumn, MoveUp, Show};
use crossterm::style::{Attribute, SetAttribute};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, size};
use crossterm::{Command, QueueableCommand};
use std::io::{self, Write};

/// Where the terminal tells no size. chosen: the classic one.
const SIZE: (u16, u16) = (80, 24);

/// Columns beside the name from which everything is shown. chosen: all figures and the start of what came last.
const WIDE: usize = 110;

/// A table on the terminal; what is below the cursor belongs to it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Lines drawn last time.
    drawn: u16,
}

impl Table {
    /// Draws the rows over what was drawn before.
    pub(crate) fn draw(&mut self, rows: &[Row]) -> io::Result<()> {
        let (columns, lines) = size().unwrap_or(SIZE);
        let text = render(rows, usize::from(columns), usize::from(lines.saturating_sub(1)));
        let mut frame = Vec::new();
        queue(&mut frame, BeginSynchronizedUpdate)?;
        queue(&mut frame, Hide)?;
        queue(&mut frame, MoveToColumn(0))?;
        if self.drawn > 0 {
            queue(&mut frame, MoveUp(self.drawn))?;
        }
        for (index, line) in text.iter().enumerate() {
            queue(&mut frame, SetAttribute(attribute(index)))?;
            frame.extend_from_slice(line.as_bytes());
            queue(&mut frame, SetAttribute(Attribute::Reset))?;
            queue(&mut frame, Clear(ClearType::UntilNewLine))?;
            frame.extend_from_slice(b"\r\n");
        }
        queue(&mut frame, Clear(ClearType::FromCursorDown))?;
        queue(&mut frame, EndSynchronizedUpdate)?;
        self.drawn = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let mut out = io::stdout().lock();
        out.write_all(&frame)?;
        out.flush()
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let mut frame = Vec::new();
        // A terminal that is gone needs no cursor.
        let _gone = queue(&mut frame, Show).and_then(|()| io::stdout().write_all(&frame));
    }
}

fn queue(frame: &mut Vec<u8>, command: impl Command) -> io::Result<()> {
    frame.queue(command).map(|_| ())
}

const fn attribute(line: usize) -> Attribute {
    if line == 0 { Attribute::Bold } else { Attribute::Reset }
}

/// The table as lines of at most `columns` characters, at most `lines` of them.
pub(crate) fn render(rows: &[Row], columns: usize, lines: usize) -> Vec<String> {
    let names = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).clamp(6, 20);
    let wide = columns >= names + WIDE;
    let head = if wide {
        format!(
            "{:names$}  {:5} {:13} {:>4}  {:>7} {:>9}  {:>7} {:>9}  {:>6} {:>6} {:>7} {:>7} {:>7}  last",
            "stream",
            "proto",
            "state",
            "conn",
            "tx msg",
            "tx",
            "rx msg",
            "rx",
            "acked",
            "sent",
            "refused",
            "unknown",
            "retries",
        )
    } else {
        format!(
            "{:names$} {:4} {:14} {:>2} {:>4} {:>5} {:>4} {:>5} {:>5} {:>4} {:>3} {:>3} {:>2}  last",
            "stream",
            "prot",
            "state",
            "on",
            "tx",
            "bytes",
            "rx",
            "bytes",
            "acked",
            "sent",
            "ref",
            "unk",
            "re",
        )
    };
    let mut text = vec![head];
    for row in rows {
        text.push(line(row, names, wide));
    }
    if text.len() > lines && lines > 1 {
        let hidden = text.len() - lines + 1;
        text.truncate(lines - 1);
        text.push(format!(".. and {hidden} more"));
    }
    text.into_iter().map(|line| line.chars().take(columns).collect()).collect()
}

fn line(row: &Row, names: usize, wide: bool) -> String {
    let Row { name, counters: c, retries, .. } = row;
    let proto = reason::protocol(row.protocol);
    if let Some(why) = &row.refused {
        return format!("{name:names$}  {proto:5} not run: {why}");
    }
    let state = row.state.map(reason::state).unwrap_or_default();
    let last = row.reason.map_or_else(|| row.last.clone(), |why| why.to_string());
    let (sent, got) = (c.tx_messages, c.rx_messages);
    let connection = row.connection.map_or_else(|| "-".to_owned(), |n| n.to_string());
    if !wide {
        let (tx, rx) = (short(c.tx_bytes), short(c.rx_bytes));
        return format!(
            "{name:names$} {proto:4} {state:14.14} {connection:>2} {sent:>4} {tx:>5} {got:>4} {rx:>5} \
             {:>5} {:>4} {:>3} {:>3} {retries:>2}  {last}",
            c.acknowledged, c.sent, c.refused, c.unknown,
        );
    }
    let (tx, rx) = (bytes(c.tx_bytes), bytes(c.rx_bytes));
    format!(
        "{name:names$}  {proto:5} {state:13} {connection:>4}  {sent:>7} {tx:>9}  {got:>7} {rx:>9}  \
         {:>6} {:>6} {:>7} {:>7} {retries:>7}  {last}",
        c.acknowledged, c.sent, c.refused, c.unknown,
    )
}

/// Bytes in at most five characters.
fn short(count: u64) -> String {
    let (figure, unit) = match bytes(count).split_once(' ') {
        Some((figure, unit)) => (figure.to_owned(), unit.trim_end_matches(['i', 'B']).to_owned()),
        None => return String::new(),
    };
    let whole = figure.split('.').next().unwrap_or_default();
    if figure.len() + unit.len() > 5 { format!("{whole}{unit}") } else { figure + &unit }
}

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut unit = 1_u64;
    for name in ["B", "KiB", "MiB", "GiB"] {
        if bytes < unit * 1024 || name == "GiB" {
            let whole = bytes / unit;
            let tenth = bytes % unit * 10 / unit;
            return if unit == 1 {
                format!("{whole} B")
            } else {
                format!("{whole}.{tenth} {name}")
            };
        }
        unit *= 1024;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_policy::{Protocol, State, Streamtype};

    fn row(name: &str) -> Row {
        let streamtype =
            Streamtype { name: name.to_owned(), protocol: Protocol::Mqtt, ..Streamtype::default() };
        Row { state: Some(State::QosAckRemote), connection: Some(3), ..Row::new(&streamtype) }
    }

    #[test]
    fn bytes_are_readable() {
        let shown = [0, 1023, 1024, 1536, 4 << 20, 3 << 40].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "4.0 MiB", "3072.0 GiB"]);
        let shown = [7, 1023, 1536, 1023 << 10, 4 << 20].map(short);
        assert_eq!(shown, ["7", "1023", "1.5K", "1023K", "4.0M"]);
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let rows: Vec<Row> = (0..30).map(|n| row(&format!("stream-{n}"))).collect();
        let text = render(&rows, 40, 10);
        assert_eq!((text.len(), text[9].as_str()), (10, ".. and 22 more"));
        assert!(text.iter().all(|line| line.chars().count() <= 40));
        let text = render(&rows, 200, 100);
        assert!(text[1].contains("mqtt  qos ack remote"), "{}", text[1]);
        let narrow = render(&rows, 80, 100);
        assert!(
            narrow[0].contains(" unk re") && narrow[1].contains("qos ack remote"),
            "{narrow:?}"
        );
        assert_eq!(narrow[1].split_whitespace().nth(1), Some("mqtt"));
    }

    #[test]
    fn a_stream_that_cannot_run_says_why() {
        let refused = Row { refused: Some("no `http_cookies`".into()), ..row("a") };
        assert!(render(&[refused], 80, 9)[1].ends_with("not run: no `http_cookies`"));
    }
}
