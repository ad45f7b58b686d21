//! Colour, and lines no wider than wanted.

/// How text is to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// With colour.
    pub(crate) colour: bool,
    /// Columns of a line.
    pub(crate) columns: usize,
}

/// What a stretch of text is, for those who see colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The answer.
    Strong,
    Good,
    Waiting,
    Bad,
    /// What most people need not read.
    Faint,
    Plain,
}

impl Tone {
    const fn sequence(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Good => "1;32",
            Self::Waiting => "1;33",
            Self::Bad => "1;31",
            Self::Faint => "2",
        }
    }
}

/// The length of the sequence of [`Look::paint`] that a text begins with.
pub(crate) fn colour_at(text: &str) -> Option<usize> {
    const TONES: [&str; 6] = ["1", "1;32", "1;33", "1;31", "2", "0"];
    let inside = text.strip_prefix("\x1b[")?;
    let end = inside.find('m').filter(|end| *end <= 4)?;
    TONES.contains(&&inside[..end]).then_some(end + 3)
}

impl Look {
    /// For standard output: colour and width are those of its terminal.
    pub(crate) fn of_stdout() -> Self {
        use std::io::IsTerminal as _;
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let terminal = std::io::stdout().is_terminal();
        // https://no-color.org: present and not empty.
        let colour = terminal && variable("NO_COLOR").is_none() && variable("TERM").as_deref() != Some("dumb");
        let measured = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        let columns = if terminal && measured > 0 { measured.clamp(COLUMNS_MIN, COLUMNS_MAX) } else { COLUMNS_USUAL };
        Self { colour, columns }
    }

    /// The text in that tone.
    pub(crate) fn paint(self, text: &str, tone: Tone) -> String {
        if self.colour && !text.is_empty() && tone != Tone::Plain {
            format!("\x1b[{}m{text}\x1b[0m", tone.sequence())
        } else {
            text.to_owned()
        }
    }
}

/// Narrower lines cannot be read, wider ones are not.
const COLUMNS_MIN: usize = 30;
const COLUMNS_MAX: usize = 100;
const COLUMNS_USUAL: usize = 80;

/// The text in lines of at most `columns` cells, broken at spaces; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let cells = cells(word);
        if used > 0 && used + 1 + cells > columns {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += cells;
        }
    }
    lines
}

/// How many cells of a terminal a text takes: Chinese, Japanese and Korean letters take two.
pub(crate) fn cells(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
            | 0xfe30..=0xfe4f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_spaces_and_no_word_is_lost() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("averylongword x", 5), ["averylongword", "x"]);
        assert_eq!(wrapped("你好 你好", 8), ["你好", "你好"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn without_colour_nothing_is_added() {
        let look = |colour| Look { colour, columns: 80 };
        assert_eq!(look(false).paint("x", Tone::Bad), "x");
        assert_eq!(look(true).paint("x", Tone::Bad), "\x1b[1;31mx\x1b[0m");
    }
}
