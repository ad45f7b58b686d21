//! Drawing lines in place on a terminal, with nothing but plain ANSI.

use super::screen::Line;
use std::io::{self, IsTerminal, Write};

const WIDTH_USUAL: usize = 80;
const HEIGHT_USUAL: usize = 24;

/// Whether colour is wanted: on a terminal, unless NO_COLOR is set to anything or TERM is dumb.
pub(crate) fn colour_wanted(is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> bool {
    // https://no-color.org: present and not empty.
    is_terminal && no_color.is_none_or(str::is_empty) && term != Some("dumb")
}

/// A terminal on standard output that shows a screen and redraws it in place.
#[derive(Debug)]
pub(crate) struct Terminal {
    colour: bool,
    /// Lines of the screen that is there now.
    drawn: usize,
}

impl Terminal {
    /// The terminal, when standard output is one that can move its cursor.
    pub(crate) fn on_stdout() -> Option<Self> {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if dumb || !io::stdout().is_terminal() {
            return None;
        }
        // The cursor would flicker along with every redrawing.
        write_out("\x1b[?25l");
        Some(Self { colour: stdout_colour(), drawn: 0 })
    }

    /// Puts the lines where the last ones were.
    pub(crate) fn draw(&mut self, lines: &[Line], width: usize) {
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in lines {
            // One column stays free: some terminals wrap when the last one is filled.
            text.push_str(&line.painted(width.saturating_sub(1), self.colour));
            text.push_str("\x1b[K\n");
        }
        // What is left of a longer screen goes.
        text.push_str("\x1b[J");
        write_out(&text);
        self.drawn = lines.len();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        write_out("\x1b[?25h");
    }
}

/// Whether what goes to standard output is coloured.
pub(crate) fn stdout_colour() -> bool {
    let variable = |name: &str| std::env::var(name).ok();
    colour_wanted(io::stdout().is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

/// Columns and rows, as they are now: the terminal may be resized at any moment.
pub(crate) fn size() -> (usize, usize) {
    let (columns, rows) = rustix::termios::tcgetwinsize(io::stdout())
        .map_or((0, 0), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let or = |measured: usize, usual: usize| if measured == 0 { usual } else { measured };
    (or(columns, WIDTH_USUAL), or(rows, HEIGHT_USUAL))
}

/// Nobody is left to be told when standard output is gone.
pub(crate) fn write_out(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_colour_is_wanted() {
        let table = [
            (true, None, Some("xterm"), true),
            (true, Some(""), Some("xterm"), true),
            (true, Some("1"), Some("xterm"), false),
            (true, None, Some("dumb"), false),
            (true, None, None, true),
            (false, None, Some("xterm"), false),
        ];
        for (is_terminal, no_color, term, want) in table {
            assert_eq!(colour_wanted(is_terminal, no_color, term), want, "{is_terminal} {no_color:?} {term:?}");
        }
    }
}
