//! The registries as a reference for people: codes, statuses, numbers of operating systems, and
//! what lists for troubled senders make of them. Read-only; decoding does not come here.

use crate::errno::Errno;
use crate::registry::{self, Row};
use crate::{Cause, Decoder, Disposition, Scope, Who};
use postrider_smtp::EnhancedStatus;

const POPULAR: &str = include_str!("../knowledge/popular.tsv");

/// A row of a registry: a code or status, at some phases or at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The code, `550`, or the status without its class, `x.1.1`; `x.1.*` for all that are not listed.
    pub key: &'static str,
    /// The phases for which the row holds; empty for all.
    pub phases: &'static str,
    /// Why, where the code says it.
    pub cause: Option<Cause>,
    /// What now; `None` for what the first digit says.
    pub disposition: Option<Disposition>,
    /// Whose trouble.
    pub scope: Scope,
    /// Who must act.
    pub who: Who,
    /// One sentence for a person.
    pub summary: &'static str,
    /// Steps to take.
    pub advice: Vec<&'static str>,
    /// Where it is defined.
    pub reference: &'static str,
}

/// What the standards say about a number that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// RFC 5321 has it.
    Standard,
    /// Another RFC has it.
    Extension,
    /// No RFC has it.
    Unregistered,
}

impl Standing {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Extension => "extension",
            Self::Unregistered => "unregistered",
        }
    }
}

/// What a number that no RFC has really is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandsFor {
    /// The operating system's number for a failed connection.
    Errno,
    /// An answer of a web API.
    Http,
    /// An enhanced status whose dots were lost.
    Status(EnhancedStatus),
}

/// A code with the standard's reading and the popular one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Popular {
    /// The number.
    pub code: u16,
    /// Whether it is in a standard.
    pub standing: Standing,
    /// What it really is, where that is something else than a reply code.
    pub stands_for: Option<StandsFor>,
    /// What the standards, or else the field, say.
    pub reading: &'static str,
    /// What popular lists say.
    pub popular: Option<&'static str>,
    /// What is to be minded besides.
    pub remark: Option<&'static str>,
}

impl Popular {
    fn parse(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next();
        let code = cell()?.parse().ok()?;
        let standing = match cell()? {
            "standard" => Standing::Standard,
            "extension" => Standing::Extension,
            "unregistered" => Standing::Unregistered,
            _ => return None,
        };
        let stands_for = match cell()? {
            "-" => None,
            "errno" => Some(StandsFor::Errno),
            "http" => Some(StandsFor::Http),
            status => Some(StandsFor::Status(status.parse().ok()?)),
        };
        let reading = cell()?;
        let said = |cell: &'static str| (cell != "-").then_some(cell);
        Some(Self { code, standing, stands_for, reading, popular: said(cell()?), remark: said(cell()?) })
    }
}

impl Decoder {
    /// The basic reply codes; the first digits alone come last.
    pub fn listed_codes(&self) -> Vec<Listed> {
        let (mut codes, mut digits) = (Vec::new(), Vec::new());
        for row in registry::rows(registry::CODES) {
            if row.key.len() == 1 { digits.push(listed(row)) } else { codes.push(listed(row)) }
        }
        codes.append(&mut digits);
        codes
    }

    /// The registry of enhanced statuses.
    pub fn listed_statuses(&self) -> Vec<Listed> {
        registry::rows(registry::ENHANCED).into_iter().map(listed).collect()
    }

    /// The numbers of operating systems.
    pub fn listed_errnos(&self) -> &[Errno] {
        self.errnos.rows()
    }

    /// The codes that popular lists explain, in their order.
    pub fn popular(&self) -> impl Iterator<Item = Popular> {
        POPULAR.lines().filter_map(Popular::parse)
    }
}

fn listed(row: Row) -> Listed {
    Listed {
        key: row.key,
        phases: row.phases_named,
        cause: row.cause,
        disposition: row.disposition,
        scope: row.scope,
        who: row.who,
        summary: row.summary,
        advice: row.advice,
        reference: row.reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_popular_row_is_read_and_says_something() {
        let rows: Vec<Popular> = Decoder::new().popular().collect();
        assert_eq!(rows.len(), POPULAR.lines().count() - 5);
        assert!(rows.windows(2).all(|pair| pair[0].code < pair[1].code), "sorted, each once");
        assert!(rows.iter().all(|row| row.reading.ends_with('.')));
        let dotless = rows.iter().filter(|row| matches!(row.stands_for, Some(StandsFor::Status(_))));
        for row in dotless {
            let Some(StandsFor::Status(status)) = row.stands_for else { continue };
            assert_eq!(status.to_string().replace('.', ""), row.code.to_string());
        }
    }

    #[test]
    fn what_stands_for_the_system_is_one_of_its_numbers() {
        let decoder = Decoder::new();
        for row in decoder.popular().filter(|row| row.stands_for == Some(StandsFor::Errno)) {
            assert!(decoder.listed_errnos().iter().any(|errno| errno.number == i32::from(row.code)), "{}", row.code);
        }
        assert!(decoder.listed_codes().iter().any(|row| row.key == "550" && row.phases == "rcpt"));
        assert!(decoder.listed_statuses().len() > 60);
    }
}
