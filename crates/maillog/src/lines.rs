//! Blocks of bytes cut into lines, without keeping more than one of them.

use memchr::memchr;

/// The longest line that is looked at. Of a longer one only the beginning is read, and the rest
/// is passed over: no server writes such a line, but a damaged disk does.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Puts lines together that several blocks share.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
}

impl Lines {
    /// Hands out every line that ends in this block, without its line end.
    pub(crate) fn feed(&mut self, block: &[u8], line: &mut dyn FnMut(&[u8])) {
        let mut rest = block;
        while let Some(end) = memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            if self.begun.is_empty() {
                line(shown(head));
            } else {
                self.keep(head);
                line(shown(&self.begun));
                self.begun.clear();
            }
            rest = &tail[1..];
        }
        self.keep(rest);
    }

    /// Hands out the last line, which nothing ended.
    pub(crate) fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.begun.is_empty() {
            line(shown(&self.begun));
            self.begun.clear();
        }
    }

    /// One octet above the limit tells a long line from one of that length.
    fn keep(&mut self, piece: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

/// The part of a line that is looked at.
fn shown(line: &[u8]) -> &[u8] {
    let line = &line[..line.len().min(LINE_BYTES_MAX)];
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(blocks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        let mut line = |line: &[u8]| seen.push(String::from_utf8_lossy(line).into_owned());
        blocks.iter().for_each(|block| lines.feed(block, &mut line));
        lines.finish(&mut line);
        seen
    }

    #[test]
    fn lines_do_not_depend_on_how_blocks_are_cut() {
        let text = b"one\r\n\ntwo\nthree";
        let whole = cut(&[text]);
        assert_eq!(whole, ["one", "", "two", "three"]);
        for at in 0..text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(cut(&[head, tail]), whole, "cut at {at}");
        }
    }

    #[test]
    fn a_line_without_end_keeps_its_beginning_only() {
        let block = vec![b'x'; LINE_BYTES_MAX];
        let (mut lines, mut lengths) = (Lines::default(), Vec::new());
        for _ in 0..20 {
            lines.feed(&block, &mut |line| lengths.push(line.len()));
        }
        assert!(lines.begun.capacity() < 3 * LINE_BYTES_MAX);
        lines.feed(b"\nnext\n", &mut |line| lengths.push(line.len()));
        assert_eq!(lengths, [LINE_BYTES_MAX, 4]);
    }
}
