//! The field manual: a page for each cause, code and provider, and an index that can be searched.
//!
//! Plain files with relative links and nothing from elsewhere, so that they can be read from a
//! disk and served by anything. The words are the knowledge's; the shape is in the files beside this one.

use super::catalogue::{Row, Section};
use postrider_reply::proof::Example;
use postrider_reply::{Decoder, Disposition, Entry, Provider};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("search.js");

/// The most examples of one entry, and of one code, that are shown.
const EXAMPLES_MAX: usize = 8;

/// A page: its path below the folder, and its text.
type Page = (String, String);

/// Writes all pages; gives how many there are.
pub(super) fn write(decoder: &Decoder, rows: &[Row], folder: &Path) -> io::Result<usize> {
    let pages = pages(decoder, rows);
    for part in ["", "cause", "code", "provider"] {
        fs::create_dir_all(folder.join(part))?;
    }
    for (path, text) in &pages {
        fs::write(folder.join(path), text)?;
    }
    Ok(pages.len())
}

fn pages(decoder: &Decoder, rows: &[Row]) -> Vec<Page> {
    let entries: Vec<Known<'_>> =
        decoder.entries().map(|entry| Known { entry, provider: decoder.provider_of(&entry.id) }).collect();
    let mut by_key: BTreeMap<(Section, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_key.entry((row.section, &row.key)).or_default().push(row);
    }
    let mut pages = vec![index(rows, decoder.providers())];
    for ((section, key), of_key) in &by_key {
        pages.push(if *section == Section::Cause {
            cause(key, of_key, rows, &entries)
        } else {
            code(*section, key, of_key, &entries)
        });
    }
    pages.extend(decoder.providers().iter().map(|it| provider(it, &entries)));
    pages
}

/// An entry and whose it is.
struct Known<'a> {
    entry: &'a Entry,
    provider: Option<&'a Provider>,
}

/// Puts a body into the page; `up` leads to the index.
fn page(path: String, title: &str, up: &str, body: &str, script: &str) -> Page {
    let text = PAGE
        .replace("{{title}}", &escaped(title))
        .replace("{{style}}", STYLE.trim_end())
        .replace("{{up}}", up)
        .replace("{{script}}", script.trim_end())
        // Last, as the body may hold anything.
        .replace("{{body}}", body);
    (path, text)
}

fn index(rows: &[Row], providers: &[Provider]) -> Page {
    let mut body = String::from(
        "<h1>Field manual of mail trouble</h1>\n<p class=\"lead\">What the answers of mail servers mean, who must act, and \
         what to do.</p>\n<p><label for=\"search\">Search by code, cause, provider or words</label></p>\n\
         <input id=\"search\" type=\"search\" placeholder=\"550, 5.7.26, mailbox full, Gmail …\" autocomplete=\"off\">\n\
         <p id=\"none\" hidden>Nothing here has all these words.</p>\n",
    );
    for section in [Section::Cause, Section::Code, Section::Status, Section::System] {
        let _ = writeln!(body, "<section class=\"index\"><h2>{}</h2>\n<ul class=\"index\">", escaped(section.title()));
        let mut last = "";
        for row in rows.iter().filter(|row| row.section == section) {
            if row.key == last {
                continue;
            }
            last = &row.key;
            let words = [row.popular.unwrap_or_default(), row.cause.unwrap_or_default(), row.place.unwrap_or_default()];
            let words = escaped(&words.join(" ").to_lowercase());
            let (path, key, meaning) = (path_of(section, &row.key), escaped(&row.key), escaped(&row.meaning));
            let _ = writeln!(body, "<li data-words=\"{words}\"><b><a href=\"{path}\">{key}</a></b> {meaning}</li>");
        }
        body.push_str("</ul></section>\n");
    }
    body.push_str("<section class=\"index\"><h2>Providers</h2>\n<ul class=\"index\">\n");
    for provider in providers {
        let (name, title) = (escaped(&provider.name), escaped(&provider.title));
        let hosts = escaped(&provider.hosts.join(" "));
        let _ = writeln!(
            body,
            "<li data-words=\"{hosts}\"><b><a href=\"provider/{name}.html\">{title}</a></b> {hosts}</li>"
        );
    }
    body.push_str("</ul></section>\n");
    page("index.html".to_owned(), "Field manual of mail trouble", "", &body, SCRIPT)
}

fn path_of(section: Section, key: &str) -> String {
    // A star is no letter for the name of a file everywhere.
    let key = key.replace('*', "any");
    match section {
        Section::Cause => format!("cause/{key}.html"),
        Section::Code | Section::Status => format!("code/{key}.html"),
        Section::System => format!("code/system-{key}.html"),
    }
}

fn cause(key: &str, of_key: &[&Row], rows: &[Row], entries: &[Known<'_>]) -> Page {
    let mut body = format!("<h1>{}</h1>\n", escaped(key));
    facts(of_key, &mut body);
    let codes: Vec<&Row> = rows.iter().filter(|row| row.cause == Some(key)).collect();
    if !codes.is_empty() {
        body.push_str("<h2>Codes that say it</h2>\n<ul class=\"index\">\n");
        for row in codes {
            let path = path_of(row.section, &row.key);
            let place = row.place.map(|place| format!(" (at {})", escaped(place))).unwrap_or_default();
            let _ = writeln!(
                body,
                "<li><b><a href=\"../{path}\">{}</a></b>{place} {}</li>",
                escaped(&row.key),
                escaped(&row.meaning)
            );
        }
        body.push_str("</ul>\n");
    }
    let of_cause: Vec<&Known<'_>> = entries.iter().filter(|known| known.entry.cause.name() == key).collect();
    if !of_cause.is_empty() {
        body.push_str("<h2>Who says it how</h2>\n");
        of_cause.iter().for_each(|known| entry(known, true, &mut body));
    }
    page(path_of(Section::Cause, key), &format!("{key} – field manual"), "../", &body, "")
}

fn code(section: Section, key: &str, of_key: &[&Row], entries: &[Known<'_>]) -> Page {
    let title = match section {
        Section::System => format!("System error {key}"),
        Section::Status => format!("Enhanced status {key}"),
        _ => format!("Reply code {key}"),
    };
    let mut body = format!("<h1>{}</h1>\n", escaped(&title));
    facts(of_key, &mut body);
    let begins = |example: &str| match section {
        Section::Code => example.starts_with(key),
        Section::Status => key.strip_prefix('x').is_some_and(|rest| {
            let mut words = example.split([' ', '-']).skip(1);
            words
                .next()
                .is_some_and(|word| matches!(word.as_bytes().first(), Some(b'4' | b'5')) && word.get(1..) == Some(rest))
        }),
        _ => false,
    };
    let replies =
        entries.iter().flat_map(|known| known.entry.matches.iter().map(move |it| (known, Example::parse(it))));
    let replies: Vec<_> = replies.filter(|(_, example)| begins(example.reply)).collect();
    if !replies.is_empty() {
        body.push_str("<h2>In the field</h2>\n");
        // Different causes first: that one code has many is what people must see.
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        for (known, example) in replies {
            let of_cause = shown.entry(known.entry.cause.name()).or_default();
            *of_cause += 1;
            if *of_cause > EXAMPLES_MAX / 3 {
                continue;
            }
            let cause = known.entry.cause.name();
            let _ = writeln!(
                body,
                "<pre>{}</pre>\n<p class=\"faint\">means <a href=\"../cause/{cause}.html\">{cause}</a>{}</p>",
                escaped(example.reply),
                by_provider(known)
            );
        }
    }
    page(path_of(section, key), &format!("{title} – field manual"), "../", &body, "")
}

fn provider(it: &Provider, entries: &[Known<'_>]) -> Page {
    let mut body = format!("<h1>{}</h1>\n", escaped(&it.title));
    if !it.hosts.is_empty() {
        let _ = writeln!(body, "<p class=\"faint\">Its hosts: {}</p>", escaped(&it.hosts.join(", ")));
    }
    let of_provider = entries.iter().filter(|known| known.provider.is_some_and(|provider| provider.name == it.name));
    of_provider.for_each(|known| entry(known, false, &mut body));
    page(format!("provider/{}.html", it.name), &format!("{} – field manual", it.title), "../", &body, "")
}

/// Meaning, who acts, what to do: once for each row of a key.
fn facts(of_key: &[&Row], body: &mut String) {
    for row in of_key {
        if of_key.len() > 1 {
            let place = row.place.map_or_else(|| "elsewhere".to_owned(), |place| format!("at {place}"));
            let _ = writeln!(body, "<h2>{}</h2>", escaped(&place));
        }
        let _ = writeln!(body, "<p class=\"lead\">{}</p>\n<dl>", escaped(&row.meaning));
        let mut fact = |name: &str, value: &str| {
            let _ = writeln!(body, "<dt>{name}</dt><dd>{value}</dd>");
        };
        if let Some(who) = row.who.and_then(postrider_reply::Who::from_name) {
            fact("Who must act", &escaped(crate::verbs::explain::who(who)));
        }
        if let Some(cause) = row.cause {
            fact("Cause", &format!("<a href=\"../cause/{cause}.html\">{cause}</a>"));
        }
        if let Some(system) = row.place.filter(|_| row.section == Section::System) {
            fact("System", &escaped(system));
        }
        if let Some(popular) = row.popular {
            fact("Popular lists say", &escaped(popular));
        }
        if let Some(remark) = row.remark {
            fact("Mind", &escaped(remark));
        }
        if !row.reference.is_empty() {
            fact("Defined in", &escaped(&row.reference));
        }
        body.push_str("</dl>\n");
        steps(row.advice.iter().map(String::as_str), body);
    }
}

fn steps<'a>(advice: impl Iterator<Item = &'a str>, body: &mut String) {
    let steps: String = advice.map(|step| format!("<li>{}</li>\n", escaped(step))).collect();
    if !steps.is_empty() {
        let _ = write!(body, "<h3>What to do</h3>\n<ol>\n{steps}</ol>\n");
    }
}

/// What an entry knows, with replies that it decides.
fn entry(known: &Known<'_>, of_cause: bool, body: &mut String) {
    let it = known.entry;
    let cause = it.cause.name();
    let _ = writeln!(body, "<h2 id=\"{0}\">{0}</h2>", escaped(&it.id));
    if let Some(summary) = &it.summary {
        let _ = writeln!(body, "<p>{}</p>", escaped(summary));
    }
    let waiting = match it.disposition {
        Some(Disposition::Retry) => " Waiting may help.",
        Some(Disposition::Fail) => " Waiting does not help.",
        _ => "",
    };
    let head =
        if of_cause { by_provider(known) } else { format!("Cause: <a href=\"../cause/{cause}.html\">{cause}</a>.") };
    if !head.is_empty() || !waiting.is_empty() {
        let _ = writeln!(body, "<p class=\"faint\">{head}{waiting}</p>");
    }
    for example in it.matches.iter().take(EXAMPLES_MAX) {
        let _ = writeln!(body, "<pre>{}</pre>", escaped(Example::parse(example).reply));
    }
    steps(it.advice.iter().map(AsRef::as_ref), body);
    let source = if it.source.starts_with("https://") {
        let source = escaped(&it.source);
        format!("<a href=\"{source}\" rel=\"noreferrer\">{source}</a>")
    } else {
        escaped(&it.source)
    };
    let _ = writeln!(body, "<p class=\"faint\">Source: {source}, seen {}.</p>", escaped(&it.seen));
}

fn by_provider(known: &Known<'_>) -> String {
    known.provider.map_or_else(String::new, |provider| {
        let (name, title) = (escaped(&provider.name), escaped(&provider.title));
        format!(" Said by <a href=\"../provider/{name}.html\">{title}</a>.")
    })
}

/// Text that is safe in HTML, in an attribute as well.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every link inside leads to a page that is written, and nothing is loaded from elsewhere.
    #[test]
    fn no_link_leads_nowhere() {
        let decoder = Decoder::new();
        let pages = pages(&decoder, &super::super::catalogue::rows(&decoder));
        let paths: BTreeSet<&str> = pages.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths.len(), pages.len(), "two pages of one name");
        for (path, text) in &pages {
            assert!(!text.contains("{{") && !text.contains("src=") && !text.contains("<link"), "{path}");
            for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(link, _)| link) {
                if link.starts_with("https://") {
                    continue;
                }
                let target = match link.strip_prefix("../") {
                    Some(target) if path.contains('/') => target,
                    None if !path.contains('/') => link,
                    _ => panic!("{path}: {link} is not right"),
                };
                assert!(paths.contains(target), "{path}: {link} leads nowhere");
            }
        }
    }

    #[test]
    fn servers_words_cannot_become_markup() {
        assert_eq!(escaped("<a@b> & \"c\""), "&lt;a@b&gt; &amp; &quot;c&quot;");
    }
}
