//! From a text to a record: its words, the characters that may not be in them, and what must
//! not stand twice. What a word means is in `term`.

use super::fault::{Fault, Flaw};
use super::record::{Form, Record, Span, Term};
use super::select::{VERSION, is_spf};
use super::term;

/// Reads a record. Total: whatever cannot be read is in [`Record::faults`], and reading goes on.
///
/// ```
/// use postrider_mailauth::spf::parse;
/// let record = parse("v=spf1 a:192.0.2.1 -all");
/// let fault = &record.faults[0];
/// assert_eq!(fault.span.of(&record.text), "a:192.0.2.1");
/// assert_eq!(fault.to_string(), "`a` takes a host name; for an address there is `ip4` or `ip6` (write `ip4:192.0.2.1`)");
/// ```
pub fn parse(text: &str) -> Record {
    let mut faults = Vec::new();
    let start = version(text, &mut faults);
    let mut terms = Vec::new();
    for span in words(text, start) {
        let form = if characters(text, span, &mut faults) { term::read(text, span, &mut faults) } else { Form::Broken };
        terms.push(Term { span, form });
    }
    twice(&mut terms, &mut faults);
    faults.sort_by_key(|fault| fault.span);
    Record { text: text.into(), terms, faults }
}

/// Where the terms begin.
fn version(text: &str, faults: &mut Vec<Fault>) -> usize {
    if is_spf(text) {
        return VERSION.len();
    }
    let first = words(text, 0).next().unwrap_or(Span::new(0, 0));
    let word = first.of(text).to_ascii_lowercase();
    // A word that means to be the version is one; else it is a term, and the version is missing.
    let meant = word.starts_with("v=") || word.contains("spf");
    let span = if meant { Span::new(0, first.end) } else { Span::new(0, 0) };
    faults.push(Fault::new(span, Flaw::Version).instead(if meant { VERSION } else { "v=spf1 " }));
    span.end
}

/// What stands between spaces, and only spaces (RFC 7208 §4.6.1).
fn words(text: &str, start: usize) -> impl Iterator<Item = Span> {
    let mut at = start;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let begin = at + rest.find(|c| c != ' ')?;
        let end = text[begin..].find(' ').map_or(text.len(), |length| begin + length);
        at = end;
        Some(Span::new(begin, end))
    })
}

/// Whether all characters may be there; one fault for each run of the same character.
fn characters(text: &str, word: Span, faults: &mut Vec<Fault>) -> bool {
    let mut run: Option<(char, Span)> = None;
    let mut clean = true;
    for (offset, c) in word.of(text).char_indices() {
        if c.is_ascii_graphic() {
            continue;
        }
        clean = false;
        let span = Span::new(word.start + offset, word.start + offset + c.len_utf8());
        match &mut run {
            Some((last, so_far)) if *last == c && so_far.end == span.start => so_far.end = span.end,
            _ => faults.extend(run.replace((c, span)).map(bad_character)),
        }
    }
    faults.extend(run.map(bad_character));
    clean
}

fn bad_character((c, span): (char, Span)) -> Fault {
    let fault = Fault::new(span, if c.is_ascii() { Flaw::Separator(c) } else { Flaw::NotAscii(c) });
    match c {
        '\t' | '\r' | '\n' | '\u{a0}' | '\u{202f}' => fault.instead(" "),
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{2018}'..='\u{201f}' => fault.instead(""),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => fault.instead("-"),
        _ => fault,
    }
}

/// RFC 7208 §6: `redirect` and `exp` must not appear more than once each. The later ones are
/// broken, so that the first alone is followed.
fn twice(terms: &mut [Term], faults: &mut Vec<Fault>) {
    let (mut redirects, mut explanations) = (0, 0);
    for term in terms {
        let (count, name) = match term.form {
            Form::Redirect(_) => (&mut redirects, "redirect"),
            Form::Explanation(_) => (&mut explanations, "exp"),
            _ => continue,
        };
        *count += 1;
        if *count > 1 {
            faults.push(Fault::new(term.span, Flaw::Twice(name)).instead(""));
            term.form = Form::Broken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults as `what stands there > what to write`.
    fn faults(text: &str) -> String {
        let record = parse(text);
        let shown = record.faults.iter().map(|fault| {
            let there = fault.span.of(text);
            fault.instead.as_deref().map_or_else(|| there.to_owned(), |instead| format!("{there} > {instead}"))
        });
        shown.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn all_errors_are_found_each_where_it_stands() {
        let table = [
            ("v=spf1", ""),
            ("V=SPF1 A MX ~ALL", ""),
            ("v=spf1 a  mx -all  ", ""),
            ("v=spf1 a:%{d2}/24//64 exists:%{ir}.%{v}.x.example redirect=_x.example moo.cow-far_out=man:dog/cat", ""),
            ("v=spf1; a -all", "v=spf1; > v=spf1"),
            ("v=spf10 -all", "v=spf10 > v=spf1"),
            ("spf1 -all", "spf1 > v=spf1"),
            ("a -all", " > v=spf1 "),
            ("", " > v=spf1 "),
            ("v=spf1 a\tmx -all", "\t >  "),
            ("v=spf1 \u{2013}all", "\u{2013} > -"),
            ("v=spf1 a:\u{fffd}\u{fffd}x.example \u{fffd}all", "\u{fffd}\u{fffd} | \u{fffd}"),
            ("v=spf1 moo -all", "moo"),
            ("v=spf1 inlcude:x.example alll", "inlcude > include | alll > all"),
            ("v=spf1 ipv4:192.0.2.1 ip:2001:db8::1", "ipv4 > ip4 | ip > ip6"),
            ("v=spf1 -all.", "all. > all"),
            ("v=spf1 a, mx; -all;", "a, > a | mx; > mx | all; > all"),
            ("v=spf1 -all:x -all/8 +", ":x >  | /8 >  | "),
            ("v=spf1 - all", ""),
            ("v=spf1 include include: exists exists: ip4 ip6", "include | : | exists | : | ip4 | ip6"),
            ("v=spf1 include: x.example", ": | x.example > include:x.example"),
            ("v=spf1 include:x.example/24", "/24 > "),
            ("v=spf1 ptr/0", "/0 > "),
            ("v=spf1 a: mx: ptr:", ": >  | : >  | : > "),
            (
                "v=spf1 a/33 a//129 a/24/64 a/032 a:x.example/ mx/x",
                "/33 | //129 | /24/64 > /24//64 | /032 > /32 | / | /x",
            ),
            ("v=spf1 ip4:192.0.2.1/33 ip4:192.0.2.1//32 ip4:192.0.2.1/", "/33 | //32 > /32 | /"),
            ("v=spf1 ip4:192.0.2.1:25 ip4:192.0.2 ip4:192.0.2.256", ":25 >  | 192.0.2 | 192.0.2.256"),
            ("v=spf1 ip4:2001:db8::1 ip6:192.0.2.1/24", "ip4 > ip6 | ip6 > ip4"),
            ("v=spf1 ip6::CAFE::BABE ip6:2001:db8::/129 ip6:2001:db8:://32", ":CAFE::BABE | /129 | //32 > /32"),
            (
                "v=spf1 a:192.0.2.1 mx:2001:db8::1 include:192.0.2.0/24",
                "a:192.0.2.1 > ip4:192.0.2.1 | mx:2001:db8::1 > ip6:2001:db8::1 | include:192.0.2.0/24 > ip4:192.0.2.0/24",
            ),
            (
                "v=spf1 a:museum a:museum. a:x.123 a:x.-com a:%{d}com a:x.example:25",
                "museum | museum. | x.123 | x.-com | %{d}com | x.example:25",
            ),
            ("v=spf1 a:%{a}.x exists:%(ir).x exp=%{r}.x foo=%abc", "%{a} | % | %{r} | %"),
            ("v=spf1 redirect:x.example exp:y.example", "redirect: > redirect= | exp: > exp="),
            ("v=spf1 -redirect=x.example 1up=foo =all", "- >  | 1up | "),
            ("v=spf1 redirect= exp= exp=-all", "= | = | -all"),
            (
                "v=spf1 exp=x.example redirect=x.example exp=y.example redirect=y.example",
                "exp=y.example >  | redirect=y.example > ",
            ),
        ];
        for (text, want) in table {
            assert_eq!(faults(text), want, "{text}");
        }
    }

    #[test]
    fn a_broken_term_is_one_and_the_others_are_read() {
        let record = parse("v=spf1 a mx/99 redirect=x.example redirect=y.example");
        let broken: Vec<bool> = record.terms.iter().map(|term| term.form == Form::Broken).collect();
        assert_eq!(broken, [false, true, false, true]);
    }
}
