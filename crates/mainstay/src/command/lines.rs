//! What happens, a line per event: for pipes, files and logs.

use super::keep::Board;
use core::time::Duration;
use mainstay_base::Instant;
use std::io::{self, Write};

/// Writes what the board collected, stamped with the seconds since the start.
pub(crate) fn serve(out: &mut dyn Write, board: &mut Board, now: Instant) -> io::Result<()> {
    if board.lines.is_empty() {
        return Ok(());
    }
    let since = now.since(Instant::ZERO);
    let width = board.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (place, words) in board.lines.drain(..) {
        let name = board.rows.get(place).map_or("", |row| row.name.as_str());
        text.push_str(&line(since, name, width, &words));
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn line(since: Duration, name: &str, width: usize, words: &str) -> String {
    format!("{:4}.{:03}  {name:width$}  {words}\n", since.as_secs(), since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_when_who_and_what() {
        let at = Duration::from_millis(12_034);
        assert_eq!(line(at, "echo", 6, "connected"), "  12.034  echo    connected\n");
    }
}
