//! The text of a page (HTML): its blocks as lines, its cells apart, the addresses of its links
//! beside their words. What is no text is `mail-parser`'s to drop.

use super::mime::starts;
use memchr::memchr;

/// The text of a page.
pub(super) fn text(page: &str) -> String {
    let text = mail_parser::decoders::html::html_to_text(&prepared(page));
    if text.trim().is_empty() {
        // A head or a style that never ends takes the page with it.
        return mail_parser::decoders::html::html_to_text(&prepared(&without_head(page)));
    }
    text
}

/// The page with `<br>` wherever a line ends for the eye.
fn prepared(page: &str) -> String {
    let mut made = Made { page: String::with_capacity(page.len() + page.len() / 8), ..Made::default() };
    let mut rest = page;
    while let Some(open) = memchr(b'<', rest.as_bytes()) {
        let Some(close) = memchr(b'>', &rest.as_bytes()[open..]) else { break };
        made.words(&rest[..open]);
        let end = open + close + 1;
        made.tag(&rest[open..end]);
        rest = &rest[end..];
    }
    made.words(rest);
    made.page
}

#[derive(Default)]
struct Made<'p> {
    page: String,
    /// Whether words were written since the line began.
    line: bool,
    /// Whether white space counts, in `<pre>`.
    as_written: bool,
    /// The address of the open link, and where its words begin.
    link: Option<(&'p str, usize)>,
}

impl<'p> Made<'p> {
    fn words(&mut self, words: &str) {
        self.line |= !words.trim().is_empty();
        if self.as_written && words.contains('\n') {
            self.page.push_str(&words.replace('\n', "<br>"));
        } else {
            self.page.push_str(words);
        }
    }

    fn tag(&mut self, tag: &'p str) {
        const BLOCKS: [&str; 17] = [
            "div",
            "tr",
            "li",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "ul",
            "ol",
            "dt",
            "dd",
            "hr",
            "center",
            "blockquote",
        ];
        let (closes, inner) = match tag[1..].strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, &tag[1..]),
        };
        let name = &inner[..inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len())];
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if BLOCKS.iter().any(|block| is(block)) {
            if std::mem::take(&mut self.line) {
                self.page.push_str("<br>");
            }
        } else if closes && (is("td") || is("th")) {
            self.page.push(' ');
        } else if is("pre") {
            self.as_written = !closes;
            self.page.push_str("<br>");
        } else if is("br") || is("p") {
            self.line = false;
        } else if is("a") {
            self.turn_link(tag, closes);
        }
        self.page.push_str(tag);
    }

    fn turn_link(&mut self, tag: &'p str, closes: bool) {
        if !closes {
            let address = tag.find("mailto:").map(|at| &tag[at + 7..]);
            let address = address.map(|text| &text[..text.find(['"', '\'', '>', '?', ' ']).unwrap_or(text.len())]);
            self.link = address.filter(|it| it.contains('@')).map(|it| (it, self.page.len() + tag.len()));
        } else if let Some((address, from)) = self.link.take()
            && !self.page[from..].contains('@')
        {
            self.page.push_str(" &lt;");
            self.page.push_str(address);
            self.page.push_str("&gt;");
        }
    }
}

/// The page from its body on.
fn without_head(page: &str) -> String {
    let mut rest = page;
    let mut body = page;
    while let Some(open) = memchr(b'<', rest.as_bytes()) {
        rest = &rest[open + 1..];
        if starts(rest, "body") || starts(rest, "/head") || starts(rest, "/style") {
            body = &rest[rest.find('>').map_or(rest.len(), |end| end + 1)..];
        }
    }
    body.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_lines_and_cells_are_apart() {
        let page = "<table><tr><th>To</th><td>tom@example.net</td></tr><tr><td>Why</td><td>full</td></tr></table>";
        assert_eq!(text(page).lines().map(str::trim).collect::<Vec<_>>(), ["To tom@example.net", "Why full"]);
        assert_eq!(text("<div>a</div><pre>b\nc</pre>").split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn links_show_their_addresses() {
        assert_eq!(text("<a href=\"mailto:tom@example.net\">Tom</a>").trim(), "Tom <tom@example.net>");
        assert_eq!(text("<a href=\"mailto:tom@example.net\">tom@example.net</a>").trim(), "tom@example.net");
    }
}
