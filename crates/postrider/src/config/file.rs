//! The TOML file, taken apart into what was said and where.
//!
//! Knows lines, columns and nesting; does not know what a key means.

use super::keys::{KEYS, Key};
use super::problem::{Place, Problem};
use super::suggest::nearest;
use std::ops::Range;
use std::path::Path;
use toml_edit::{Document, Item, TableLike, Value};

/// The tables that may be given several times: `[[route]]` and its like.
pub(crate) const TABLES: [&str; 3] = ["route", "user", "dkim"];

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    /// One value.
    One(String),
    /// An array of values.
    Many(Vec<String>),
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// The key, or the field of a table.
    pub(crate) name: String,
    /// The value.
    pub(crate) raw: Raw,
    /// Where.
    pub(crate) place: Place,
}

/// One `[[route]]`, `[[user]]` or `[[dkim]]`.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which of [`TABLES`].
    pub(crate) table: &'static str,
    /// Its fields.
    pub(crate) fields: Vec<Written>,
    /// Where it begins.
    pub(crate) place: Place,
}

/// A file, read.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Keys that exist.
    pub(crate) values: Vec<Written>,
    /// Tables that may be repeated.
    pub(crate) entries: Vec<Entry>,
    /// What could not be understood.
    pub(crate) problems: Vec<Problem>,
}

/// Reads the text of a file; the path is for messages.
pub(crate) fn read(path: &Path, text: &str) -> File {
    let mut reader = Reader { path, text, file: File::default() };
    match Document::parse(text) {
        Ok(document) => reader.group("", document.as_table()),
        Err(error) => {
            let place = reader.place(error.span());
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            reader.file.problems.push(Problem::new(place, "", format!("this is not TOML: {message}")));
        }
    }
    reader.file
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    file: File,
}

impl Reader<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Place {
        let at = span.map_or(0, |span| span.start).min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            text: self.text[line_start..].lines().next().unwrap_or_default().to_owned(),
        }
    }

    fn group(&mut self, prefix: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let key_span = table.get_key_value(name).and_then(|(key, _)| key.span());
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            if let Some(table) = TABLES.into_iter().find(|table| *table == full) {
                self.entries(table, item, key_span);
            } else if let Some(key) = Key::named(&full) {
                self.leaf(key.name, item, key_span);
            } else if let Some(inner) = item.as_table_like() {
                self.group(&full, inner);
            } else {
                let place = self.place(key_span);
                self.file.problems.push(Problem::new(place, &full, unknown(&full)));
            }
        }
    }

    fn leaf(&mut self, name: &str, item: &Item, key_span: Option<Range<usize>>) {
        let place = self.place(item.span().or(key_span));
        match raw(item) {
            Ok(raw) => self.file.values.push(Written { name: name.to_owned(), raw, place }),
            Err(message) => self.file.problems.push(Problem::new(place, name, message)),
        }
    }

    fn entries(&mut self, table: &'static str, item: &Item, key_span: Option<Range<usize>>) {
        if let Some(tables) = item.as_array_of_tables() {
            for one in tables {
                self.entry(table, one, one.span());
            }
            return;
        }
        let array = item.as_array().into_iter().flatten();
        let inline: Vec<_> = array.filter_map(|value| Some((value.as_inline_table()?, value.span()))).collect();
        if item.as_array().is_none_or(|array| array.len() != inline.len()) {
            let place = self.place(key_span);
            let message = format!("there may be several of it: write [[{table}]] with two brackets");
            self.file.problems.push(Problem::new(place, table, message));
        }
        for (one, span) in inline {
            self.entry(table, one, span);
        }
    }

    fn entry(&mut self, table: &'static str, fields: &dyn TableLike, span: Option<Range<usize>>) {
        let mut entry = Entry { table, fields: Vec::new(), place: self.place(span) };
        for (name, item) in fields.iter() {
            let key_span = fields.get_key_value(name).and_then(|(key, _)| key.span());
            let place = self.place(key_span);
            match raw(item) {
                Ok(raw) => entry.fields.push(Written { name: name.to_owned(), raw, place }),
                Err(message) => self.file.problems.push(Problem::new(place, format!("{table}.{name}"), message)),
            }
        }
        self.file.entries.push(entry);
    }
}

fn raw(item: &Item) -> Result<Raw, &'static str> {
    const NESTED: &str = "this takes a value, not a table";
    let value = item.as_value().ok_or(NESTED)?;
    if let Some(array) = value.as_array() {
        return array.iter().map(scalar).collect::<Option<_>>().map(Raw::Many).ok_or(NESTED);
    }
    scalar(value).map(Raw::One).ok_or(NESTED)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(yes) => Some(yes.value().to_string()),
        Value::Datetime(when) => Some(when.value().to_string()),
        Value::Array(_) | Value::InlineTable(_) => None,
    }
}

/// What to say about a key that does not exist.
pub(crate) fn unknown(name: &str) -> String {
    let group = format!("{name}.");
    let members: Vec<_> = KEYS.iter().map(|key| key.name).filter(|key| key.starts_with(&group)).collect();
    if !members.is_empty() {
        return format!("this is a group of keys: {}", members.join(", "));
    }
    match nearest(name, KEYS.iter().map(|key| key.name).chain(TABLES)) {
        Some(near) => format!("there is no such key; did you mean {near}?"),
        None => "there is no such key; `postrider check --explain` lists them all".to_owned(),
    }
}
