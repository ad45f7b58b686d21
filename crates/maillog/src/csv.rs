//! Rows of comma-separated values (RFC 4180 §2) under a header that names the columns.

use std::borrow::Cow;

/// A row of more columns is none.
const COLUMNS_MAX: usize = 256;

/// The names of the columns of one file.
#[derive(Debug, Default)]
pub(crate) struct Columns(Vec<String>);

impl Columns {
    /// Reads a header: `date-time,client-ip,…`.
    pub(crate) fn read(header: &str) -> Self {
        Self(
            header
                .split(',')
                .take(COLUMNS_MAX)
                .map(|name| name.trim().trim_matches('"').to_ascii_lowercase())
                .collect(),
        )
    }

    /// The row under this header; `None` when it cannot be one.
    pub(crate) fn row<'a>(&'a self, line: &'a str) -> Option<Row<'a>> {
        let values = split(line);
        // A cut line has fewer values; one with many more belongs to another header.
        (values.len() > 1 && values.len() <= self.0.len()).then_some(Row { columns: self, values })
    }
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    columns: &'a Columns,
    values: Vec<Cow<'a, str>>,
}

impl Row<'_> {
    /// The value in the column of that name; `None` when it is empty or not there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let column = self.columns.0.iter().position(|column| column == name)?;
        self.values.get(column).map(|value| value.as_ref()).filter(|value| !value.is_empty())
    }
}

fn split(line: &str) -> Vec<Cow<'_, str>> {
    let mut values = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest.filter(|_| values.len() <= COLUMNS_MAX) {
        let (value, behind) = match text.strip_prefix('"') {
            Some(inside) => quoted(inside),
            None => match text.split_once(',') {
                Some((value, behind)) => (Cow::Borrowed(value), Some(behind)),
                None => (Cow::Borrowed(text), None),
            },
        };
        values.push(value);
        rest = behind;
    }
    values
}

/// The value behind an opening quote, where two quotes are one, and what follows its comma.
fn quoted(text: &str) -> (Cow<'_, str>, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut doubled = false;
    while let Some(found) = memchr::memchr(b'"', &bytes[at..]) {
        let quote = at + found;
        if bytes.get(quote + 1) == Some(&b'"') {
            doubled = true;
            at = quote + 2;
            continue;
        }
        let behind = text[quote + 1..].split_once(',').map(|(_, behind)| behind);
        return (unquoted(&text[..quote], doubled), behind);
    }
    (unquoted(text, doubled), None)
}

fn unquoted(value: &str, doubled: bool) -> Cow<'_, str> {
    if doubled { Cow::Owned(value.replace("\"\"", "\"")) } else { Cow::Borrowed(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_the_name_of_their_column() {
        let columns = Columns::read("type,rcpt,dsnDiag,last");
        let row = columns.row(r#"b,tom@example.com,"550 ""no"", never",x"#).unwrap();
        assert_eq!((row.get("rcpt"), row.get("dsndiag")), (Some("tom@example.com"), Some("550 \"no\", never")));
        assert_eq!((row.get("last"), row.get("none")), (Some("x"), None));
        let cut = columns.row(r#"b,tom@example.com,"550 cut"#).unwrap();
        assert_eq!((cut.get("dsndiag"), cut.get("last")), (Some("550 cut"), None));
        assert!(columns.row("1,2,3,4,5").is_none() && columns.row("").is_none());
    }
}
