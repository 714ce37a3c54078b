//! A document's text: comments blanked, strictness beyond the JSON library, and where an offset is.

use crate::fault::{Code, Fault};
use crate::limits;

/// Where something stands: which source, and the byte in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) source: usize,
    pub(crate) offset: usize,
}

/// One text with its name, as it was given: places are told in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    origin: String,
    text: String,
}

impl Source {
    /// Takes a text; a fault if it breaks a rule that needs no parsing.
    pub(crate) fn new(text: &str, origin: &str) -> Result<Self, Box<Fault>> {
        let raw = Self { origin: origin.to_owned(), text: text.to_owned() };
        if text.len() > limits::POLICY_MAX {
            let hint = format!("a policy has at most {} bytes", limits::POLICY_MAX);
            return Err(Box::new(raw.fault(0, Code::TooLarge, "", hint)));
        }
        match blank(text) {
            Ok(_) => Ok(raw),
            Err((offset, code, hint)) => Err(Box::new(raw.fault(offset, code, "", hint))),
        }
    }

    /// The text for the JSON library; offsets stay true.
    pub(crate) fn blanked(&self) -> Blanked {
        blank(&self.text).unwrap_or_default()
    }

    /// Names what is wrong at `offset`.
    pub(crate) fn fault(&self, offset: usize, code: Code, key: &str, hint: String) -> Fault {
        let (line, column) = line_column(&self.text, offset);
        let path = path_at(&self.text, offset);
        Fault { code, origin: self.origin.clone(), path, key: key.to_owned(), line, column, hint }
    }
}

/// Line and column, both from 1, of a byte offset; a column is a character.
pub(crate) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

type Bad = (usize, Code, String);

/// A text ready for the JSON library.
#[derive(Debug, Default)]
pub(crate) struct Blanked {
    /// The text with comments, and commas that end an array, blanked by spaces.
    pub(crate) text: String,
    /// Where those commas were.
    pub(crate) commas: Vec<usize>,
}

/// Blanks `#` comments (SS-400), and the commas before `]` that lws lets pass; refuses what strict
/// JSON forbids and the library lets pass.
fn blank(text: &str) -> Result<Blanked, Bad> {
    let mut out = String::with_capacity(text.len());
    let (mut open, mut commas) = (Vec::new(), Vec::new());
    // The last two tokens' first characters, the later one with its place.
    let (mut last, mut before) = ((0, ' '), ' ');
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '#' => {
                let end = text[at..].find('\n').map_or(text.len(), |line| at + line);
                out.extend(core::iter::repeat_n(' ', end - at));
                while chars.offset() < end {
                    chars.next();
                }
                continue;
            }
            '\u{feff}' if at == 0 => {
                out.push_str("   ");
                continue;
            }
            ' ' | '\t' | '\n' | '\r' => {
                out.push(c);
                continue;
            }
            '"' => {
                let end = string_end(text, at)?;
                out.push_str(&text[at..end]);
                while chars.offset() < end {
                    chars.next();
                }
            }
            _ if c.is_whitespace() => {
                let hint = "only space, tab and line ends may stand between values".to_owned();
                return Err((at, Code::Syntax, hint));
            }
            _ => {
                bracket(text, at, c, &mut open)?;
                if c == ']' && last.1 == ',' && !"[{,:".contains(before) {
                    commas.push(last.0);
                    out.replace_range(last.0..=last.0, " ");
                }
                out.push(c);
            }
        }
        (last, before) = ((at, c), last.1);
    }
    Ok(Blanked { text: out, commas })
}

/// Keeps count of what is open: not too deep, and closed by its own bracket.
fn bracket(text: &str, at: usize, c: char, open: &mut Vec<(usize, char)>) -> Result<(), Bad> {
    let expected = match c {
        '{' | '[' => {
            open.push((at, c));
            if open.len() > limits::NESTING_MAX {
                return Err((at, Code::TooDeep, format!("at most {} levels", limits::NESTING_MAX)));
            }
            return Ok(());
        }
        '}' => '{',
        ']' => '[',
        _ => return Ok(()),
    };
    match open.pop() {
        Some((_, opened)) if opened == expected => Ok(()),
        Some((started, opened)) => {
            let (line, _) = line_column(text, started);
            Err((at, Code::Syntax, format!("the `{opened}` of line {line} is still open here")))
        }
        None => Err((at, Code::Syntax, "nothing is open here".to_owned())),
    }
}

/// The offset behind the string that starts at `start`.
fn string_end(text: &str, start: usize) -> Result<usize, Bad> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            b'\n' | b'\r' => {
                return Err((start, Code::Syntax, "this string is not closed on its line".into()));
            }
            0..=0x1f => {
                let hint = "control characters in strings are written as \\u00XX".to_owned();
                return Err((index, Code::Syntax, hint));
            }
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(index + 1),
            _ => {}
        }
    }
    Err((start, Code::Syntax, "this string is not closed".into()))
}

/// The JSON path of the key or value that stands at `offset`, as far as the text is JSON.
fn path_at(text: &str, offset: usize) -> String {
    let mut scan = PathScan::default();
    let mut at = 0;
    while at < text.len() && at <= offset {
        at = scan.step(text, at, offset);
    }
    scan.path()
}

enum Level {
    Object { key: Option<String>, at_key: bool },
    Array { index: usize },
}

#[derive(Default)]
struct PathScan {
    levels: Vec<Level>,
}

impl PathScan {
    /// Takes one token at `at`; returns where the next one starts.
    fn step(&mut self, text: &str, at: usize, offset: usize) -> usize {
        let byte = text.as_bytes().get(at).copied().unwrap_or_default();
        match byte {
            b'"' => {
                let end = string_end(text, at).unwrap_or(text.len());
                if let Some(Level::Object { key, at_key: true }) = self.levels.last_mut() {
                    *key = Some(unquoted(text.get(at..end).unwrap_or_default()));
                }
                end
            }
            b'#' => text[at..].find('\n').map_or(text.len(), |line| at + line),
            // What opens exactly at the offset is the value asked for, not a level around it.
            b'{' if at < offset => {
                self.levels.push(Level::Object { key: None, at_key: true });
                at + 1
            }
            b'[' if at < offset => {
                self.levels.push(Level::Array { index: 0 });
                at + 1
            }
            b'}' | b']' if at < offset => {
                self.levels.pop();
                at + 1
            }
            b':' => {
                if let Some(Level::Object { at_key, .. }) = self.levels.last_mut() {
                    *at_key = false;
                }
                at + 1
            }
            b',' if at < offset => {
                match self.levels.last_mut() {
                    Some(Level::Object { key, at_key }) => (*key, *at_key) = (None, true),
                    Some(Level::Array { index }) => *index += 1,
                    None => {}
                }
                at + 1
            }
            _ => at + 1,
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for level in &self.levels {
            match level {
                Level::Object { key: Some(key), .. } => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Level::Object { key: None, .. } => {}
                Level::Array { index } => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// The text of a JSON string literal.
fn unquoted(literal: &str) -> String {
    serde_json::from_str(literal).unwrap_or_else(|_| literal.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_inside_a_string_is_text_and_outside_is_a_comment() {
        let text = "{ # é a\n \"a#\\\"#\": 1 } # end";
        let blanked = blank(text).unwrap().text;
        assert_eq!(blanked.len(), text.len());
        assert_eq!(blanked.trim_end(), "{       \n \"a#\\\"#\": 1 }");
    }

    #[test]
    fn columns_count_characters_and_lines_count_line_ends() {
        assert_eq!(line_column("é\nab\u{1f600}c", 9), (2, 4));
        assert_eq!(line_column("abc", 99), (1, 4));
    }

    #[test]
    fn paths_name_keys_and_indices() {
        let text = r#"{"s":[{"a":{}},{"my":{"x":1,"retry":"q","l":[1,[2]]}}]}"#;
        let at = |needle: &str| path_at(text, text.find(needle).unwrap());
        assert_eq!(at("\"retry\""), "s[1].my.retry");
        assert_eq!(at("\"q\""), "s[1].my.retry");
        assert_eq!(at("2]"), "s[1].my.l[1][0]");
        assert_eq!(at("[2"), "s[1].my.l[1]");
        assert_eq!(at("{\"x"), "s[1].my");
        assert_eq!(path_at(text, 0), "");
    }
}
