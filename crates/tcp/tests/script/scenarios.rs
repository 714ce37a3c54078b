//! Each named scenario of the specification has a row in `SCENARIOS.md`, and what a row names is there and says so.

use std::path::Path;

/// Checks all of it; `scripts` is the folder of the scripts.
pub(crate) fn check(scripts: &Path) -> Result<(), String> {
    let top = scripts.join("../../..");
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let spec = read(&top.join("docs/spec/tcp.md"))?;
    let table = read(&top.join("tests/scripts/SCENARIOS.md"))?;
    for line in spec.lines().filter(|line| line.starts_with("| S-")) {
        let name = &line[2..6];
        let head = format!("| {name} | ");
        let row = table.lines().find(|row| row.starts_with(&head));
        let row = row.ok_or_else(|| format!("SCENARIOS.md has no row {name}"))?;
        let shown = row.rsplit(" | ").next().unwrap_or_default().trim_end_matches(" |");
        if let Some(reason) = shown.strip_prefix("deferred: ") {
            if reason.len() < 8 {
                return Err(format!("SCENARIOS.md: {name} waits for no reason"));
            }
            continue;
        }
        for place in shown.split("<br>") {
            let found = match place.split_once(": ") {
                Some((file, test)) => says(&read(&top.join(file))?, name, test),
                None => read(&scripts.join(format!("{place}.script")))?
                    .lines()
                    .any(|line| line.starts_with('#') && line.contains(name)),
            };
            if !found || place.starts_with("open/") {
                return Err(format!("SCENARIOS.md: {name} is not shown by {place:?}"));
            }
        }
    }
    Ok(())
}

/// Whether there is such a test, with the name of the scenario in the comment above it.
fn says(text: &str, name: &str, test: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let head = format!("fn {test}(");
    let Some(place) = lines.iter().position(|line| line.trim_start().starts_with(&head)) else {
        return false;
    };
    let above = lines[..place].iter().rev().map(|line| line.trim_start());
    let mut above = above.take_while(|line| line.starts_with("//") || line.starts_with("#["));
    above.any(|line| line.starts_with("// ") && line.contains(name))
}
