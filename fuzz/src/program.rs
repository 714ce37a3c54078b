//! An input read as steps.
//!
//! Its first line (at most [`LETTERS_MAX`] letters) says what happens, the rest is what the peer sends. After the last
//! letter all that is left of it comes, and the end of input.
//!
//! A capital as its first letter chooses among kinds of machine.
//!
//! | letter | step |
//! |---|---|
//! | `0` to `9` | 3 to the power of so many bytes come |
//! | `.` | everything that is left comes |
//! | `a` to `z` | a command of the machine |
//! | `~` | time goes on to the machine's deadline |
//! | `+`, `=` | time goes on by 100 ms, by 20 s |
//! | `\|` | the transport takes nothing more, or does again |
//! | `!`, `?` | the peer ends its side, the transport dies |

use core::time::Duration;

/// chosen: long enough for every command in several states, short enough to be mutated.
const LETTERS_MAX: usize = 48;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes come, if there are as many.
    Bytes(usize),
    /// A command of the machine.
    Act(u8),
    /// Time goes on.
    Wait(Duration),
    /// Time goes on to the deadline.
    Due,
    /// The transport takes nothing, or takes again.
    Plug,
    /// The peer ends its side.
    Eof,
    /// The transport dies.
    Lost,
}

/// An input, read.
#[derive(Clone, Debug)]
pub(crate) struct Program<'a> {
    letters: &'a [u8],
    /// What the peer sends.
    pub(crate) wire: &'a [u8],
}

impl<'a> Program<'a> {
    /// Every input is a program.
    pub(crate) fn read(input: &'a [u8]) -> Self {
        let head = input.get(..LETTERS_MAX).unwrap_or(input);
        match head.iter().position(|&byte| byte == b'\n') {
            Some(at) => {
                let (letters, rest) = input.split_at(at);
                Self { letters, wire: rest.get(1..).unwrap_or_default() }
            }
            None => Self { letters: &[], wire: input },
        }
    }

    /// What its first letter says, if it is a capital: `A` is 0.
    pub(crate) fn kind(&self) -> u8 {
        let first = self.letters.first().filter(|letter| letter.is_ascii_uppercase());
        first.map_or(0, |letter| letter - b'A')
    }

    /// Its steps, the last bytes and the end among them.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step> + use<'a> {
        let written = self.letters.iter().filter_map(|&letter| step(letter));
        written.chain([Step::Bytes(usize::MAX), Step::Eof])
    }
}

fn step(letter: u8) -> Option<Step> {
    Some(match letter {
        b'0'..=b'9' => Step::Bytes(3_usize.pow(u32::from(letter - b'0'))),
        b'.' => Step::Bytes(usize::MAX),
        b'a'..=b'z' => Step::Act(letter - b'a'),
        b'~' => Step::Due,
        b'+' => Step::Wait(Duration::from_millis(100)),
        b'=' => Step::Wait(Duration::from_secs(20)),
        b'|' => Step::Plug,
        b'!' => Step::Eof,
        b'?' => Step::Lost,
        _ => return None,
    })
}
