//! The registries: tables of codes, statuses and troubles; a row says what one of them means.
//!
//! The files are compiled in, so a row that does not parse is a mistake of this crate: tests
//! find it, and at run time it is passed over.

use crate::{Cause, Disposition, Scope, Who};
use postrider_smtp::{Phase, ReplyCode, Said};

/// Enhanced status codes, each a row.
pub(crate) const ENHANCED: &str = include_str!("../knowledge/enhanced.tsv");
/// Basic reply codes.
pub(crate) const CODES: &str = include_str!("../knowledge/codes.tsv");
/// Trouble without a reply.
pub(crate) const TROUBLES: &str = include_str!("../knowledge/troubles.tsv");

const COLUMNS: usize = 11;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What it is looked up by.
    pub(crate) key: &'static str,
    phases: Phases,
    /// The phases as written; empty for all.
    pub(crate) phases_named: &'static str,
    /// The third column; what it says depends on the file.
    pub(crate) trust: &'static str,
    /// Why; `None` when the row says nothing, and the next in the order of trust is asked.
    pub(crate) cause: Option<Cause>,
    /// What now; `None` is what the first digit of the reply code says.
    pub(crate) disposition: Option<Disposition>,
    pub(crate) scope: Scope,
    pub(crate) who: Who,
    /// Whether an address that fails for this reason should get no more mail.
    pub(crate) suppress: bool,
    pub(crate) summary: &'static str,
    pub(crate) advice: Vec<&'static str>,
    pub(crate) reference: &'static str,
}

/// The phases a row holds for, one bit each; one more bit for RCPT after accepted recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Phases(u16);

const ANY: Phases = Phases(u16::MAX);
const AFTER_RECIPIENTS: u16 = 1 << 15;

/// Where in the session an outcome was had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) phase: Phase,
    pub(crate) recipients_accepted: bool,
}

impl Place {
    /// Where something was said; where nobody says where, where it usually is.
    pub(crate) fn of(said: &Said<'_>, recipients_accepted: bool) -> Self {
        Self { phase: said.phase.unwrap_or_else(|| usual_phase(said.code)), recipients_accepted }
    }
}

/// Where a code usually is an answer to (RFC 5321 §4.3.2).
pub(crate) fn usual_phase(code: Option<ReplyCode>) -> Phase {
    match code.map_or(0, ReplyCode::number) {
        220 => Phase::Connect,
        235 | 334 | 432 | 534 | 535 | 538 => Phase::Auth,
        221 | 354 => Phase::Data,
        250 | 251 | 554 => Phase::Dot,
        _ => Phase::Rcpt,
    }
}

impl Row {
    fn parse(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next();
        let (key, phases) = (cell()?, cell()?);
        Some(Self {
            key,
            phases: Phases::parse(phases)?,
            phases_named: if phases == "any" { "" } else { phases },
            trust: cell()?,
            cause: none_or(cell()?, "-", Cause::from_name)?,
            disposition: none_or(cell()?, "class", Disposition::from_name)?,
            scope: Scope::from_name(cell()?)?,
            who: Who::from_name(cell()?)?,
            suppress: cell()? == "yes",
            summary: cell()?,
            advice: cell()?.split(" // ").filter(|step| *step != "-").collect(),
            reference: cell()?,
        })
    }

    /// Whether the row holds at that place.
    pub(crate) fn holds_at(&self, place: Place) -> bool {
        let after = place.phase == Phase::Rcpt && place.recipients_accepted;
        self.phases == ANY || self.phases.0 & bit(place.phase) != 0 || after && self.phases.0 & AFTER_RECIPIENTS != 0
    }
}

/// `Some(None)` for the word that stands for nothing, `None` for a word that is not known.
#[expect(clippy::option_option, reason = "nothing said and nonsense said are two things")]
fn none_or<T>(cell: &str, nothing: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if cell == nothing { Some(None) } else { parse(cell).map(Some) }
}

fn bit(phase: Phase) -> u16 {
    1 << (phase as u16)
}

impl Phases {
    fn parse(cell: &str) -> Option<Self> {
        if cell == "any" {
            return Some(ANY);
        }
        cell.split(' ').try_fold(Self(0), |so_far, name| {
            let one = if name == "rcpt+" { AFTER_RECIPIENTS } else { bit(Phase::from_name(name)?) };
            Some(Self(so_far.0 | one))
        })
    }
}

/// The lines that are rows: no comments, no heading.
fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1)
}

/// The rows of a file, in its order.
pub(crate) fn rows(file: &'static str) -> Vec<Row> {
    lines(file).filter(|line| line.split('\t').count() >= COLUMNS).filter_map(Row::parse).collect()
}

/// Rows under a sorted key; those of one key keep the order of the file.
#[derive(Debug)]
pub(crate) struct Table<K> {
    rows: Vec<(K, Row)>,
}

impl<K: Ord + Copy> Table<K> {
    /// The rows of a file whose key parses.
    pub(crate) fn of(file: &'static str, key: impl Fn(&str) -> Option<K>) -> Self {
        let mut rows: Vec<_> = rows(file).into_iter().filter_map(|row| Some((key(row.key)?, row))).collect();
        rows.sort_by_key(|(key, _)| *key);
        Self { rows }
    }

    /// The row for a key at a place: a row that names the phase stands before the one for any.
    pub(crate) fn get(&self, key: K, place: Place) -> Option<&Row> {
        let first = self.rows.partition_point(|(other, _)| *other < key);
        let of_key = self.rows[first..].iter().take_while(|(other, _)| *other == key);
        of_key.map(|(_, row)| row).find(|row| row.holds_at(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_file_is_a_row() {
        for (name, file) in [("enhanced", ENHANCED), ("codes", CODES), ("troubles", TROUBLES)] {
            for line in lines(file) {
                let row = Row::parse(line).unwrap_or_else(|| panic!("{name}: {line}"));
                assert!(row.summary.ends_with('.') && !row.reference.is_empty(), "{name}: {line}");
                assert!(row.advice.iter().all(|step| step.ends_with('.')), "{name}: {line}");
            }
            assert_eq!(rows(file).len(), lines(file).count(), "{name}");
        }
    }

    /// A fault of ours never costs an address: only these causes may.
    #[test]
    fn only_faults_of_the_recipient_suppress() {
        let may = [
            Cause::MailboxUnknown,
            Cause::MailboxDisabled,
            Cause::MailboxMoved,
            Cause::AddressSyntax,
            Cause::DomainNotFound,
            Cause::NoMx,
        ];
        for row in [ENHANCED, CODES, TROUBLES].into_iter().flat_map(rows).filter(|row| row.suppress) {
            assert!(row.cause.is_some_and(|cause| may.contains(&cause)), "{}", row.key);
            assert_eq!(row.scope, Scope::Recipient, "{}", row.key);
        }
    }
}
