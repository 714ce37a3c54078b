//! Which operators there are in a source, and what stands in their place in a mutant.

use std::fmt;

/// A condition and what it becomes: as strict where it was not, or the opposite.
const EXCHANGES: &[(&str, &str)] = &[
    (" == ", " != "),
    (" != ", " == "),
    (" && ", " || "),
    (" || ", " && "),
    (" < ", " <= "),
    (" <= ", " < "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" + 1", " + 2"),
    (" - 1", " - 2"),
    (".before(", ".at_or_before("),
    (".at_or_before(", ".before("),
    (".after(", ".at_or_after("),
    (".at_or_after(", ".after("),
    (".min(", ".max("),
    (".max(", ".min("),
    (" !", " "),
    ("(!", "("),
];

/// One operator of one line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mutant {
    pub(super) file: &'static str,
    /// Counts from 0, as `at`, the byte where it begins.
    line: usize,
    at: usize,
    from: &'static str,
    to: &'static str,
    text: String,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, from, to, text, .. } = self;
        write!(f, "{file}:{}: `{}` for `{}` in `{text}`", line + 1, to.trim(), from.trim())
    }
}

impl Mutant {
    /// The source with it.
    pub(super) fn applied(&self, source: &str) -> String {
        let mut all = String::with_capacity(source.len() + 8);
        for (number, line) in source.split_inclusive('\n').enumerate() {
            if let (true, Some((head, tail))) =
                (number == self.line, line.split_at_checked(self.at))
            {
                all.push_str(head);
                all.push_str(self.to);
                all.push_str(tail.strip_prefix(self.from).unwrap_or(tail));
            } else {
                all.push_str(line);
            }
        }
        all
    }
}

/// Every mutant of a source; what only tests are, and what asserts, is left alone.
pub(super) fn mutants(file: &'static str, source: &str) -> Vec<Mutant> {
    let mut all = Vec::new();
    let built = source.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    for (line, text) in built.enumerate() {
        let code = text.split("//").next().unwrap_or("");
        let start = code.trim_start();
        if ["use ", "#", "const ", "assert", "debug_assert"].iter().any(|w| start.starts_with(w)) {
            continue;
        }
        for (from, to) in EXCHANGES {
            for (at, _) in code.match_indices(from) {
                let rest = code.get(at + from.len()..).unwrap_or("");
                let chain =
                    *from == " && " && (rest.starts_with("let ") || start.contains("let Some"));
                let number = rest.starts_with(|c: char| c.is_ascii_digit());
                let sum = from.ends_with('1') && number;
                let inequality = from.ends_with('!') && rest.starts_with('=');
                if !(chain || sum || inequality) {
                    let text = start.trim_end().to_owned();
                    all.push(Mutant { file, line, at, from, to, text });
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "use a::b;\n// a == b\nif a == b && !c { // d < e\n    f(x.before(y), 1 + 10);\n}\nif let A = b\n    && let Some(c) = d\n{}\n#[cfg(test)]\nif a > b {}\n";

    #[test]
    fn each_operator_of_the_code_is_exchanged_alone() {
        let all = mutants("x.rs", SOURCE);
        let shown: Vec<String> =
            all.iter().map(|m| format!("{}{}{}", m.line, m.from, m.to)).collect();
        assert_eq!(shown, ["2 ==  != ", "2 &&  || ", "2 ! ", "3.before(.at_or_before("]);
        let changed = all[2].applied(SOURCE);
        assert_eq!(changed, SOURCE.replace("&& !c", "&& c"));
        let changed = all[3].applied(SOURCE);
        assert_eq!(changed, SOURCE.replace("x.before", "x.at_or_before"));
    }
}
