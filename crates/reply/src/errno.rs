//! The numbers of operating systems, in words.

use postrider_smtp::{Trouble, TroubleKind};

const ERRNOS: &str = include_str!("../knowledge/errnos.tsv");

/// One number of one system.
#[derive(Debug)]
pub struct Errno {
    /// The number.
    pub number: i32,
    /// The name in that system's headers.
    pub name: &'static str,
    /// The system.
    pub system: &'static str,
    /// What it means for mail.
    pub trouble: TroubleKind,
    /// In words.
    pub meaning: &'static str,
}

/// All that are known.
#[derive(Debug)]
pub(crate) struct Errnos {
    rows: Vec<Errno>,
}

impl Errnos {
    pub(crate) fn new() -> Self {
        let rows = ERRNOS.lines().filter_map(|line| {
            let mut cells = line.split('\t');
            Some(Errno {
                number: cells.next()?.parse().ok()?,
                name: cells.next()?,
                system: cells.next()?,
                trouble: TroubleKind::from_name(cells.next()?)?,
                meaning: cells.next()?,
            })
        });
        Self { rows: rows.collect() }
    }

    /// All of them.
    pub(crate) fn rows(&self) -> &[Errno] {
        &self.rows
    }

    /// What a trouble's number means; one number may be two things on two systems, so a row
    /// whose kind fits is preferred.
    pub(crate) fn explain(&self, trouble: &Trouble) -> Option<String> {
        let number = trouble.errno?;
        let mut of_number = self.rows.iter().filter(|row| row.number == number);
        let fits = of_number.clone().find(|row| row.trouble == trouble.kind);
        let row = fits.or_else(|| of_number.next())?;
        Some(format!("error {number}, {} on {}: {}", row.name, row.system, row.meaning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_smtp::Phase;

    #[test]
    fn numbers_are_explained_by_system_and_kind() {
        let errnos = Errnos::new();
        assert_eq!(errnos.rows.len(), ERRNOS.lines().count() - 3);
        let explain = |kind, errno| {
            let trouble = Trouble { phase: Phase::Connect, kind, errno, detail: String::new() };
            errnos.explain(&trouble).unwrap_or_default()
        };
        assert!(explain(TroubleKind::ConnectionRefused, Some(111)).starts_with("error 111, ECONNREFUSED on Linux:"));
        assert!(explain(TroubleKind::ConnectionRefused, Some(61)).contains("macOS"));
        assert!(explain(TroubleKind::ConnectTimeout, Some(10060)).contains("Windows"));
        assert_eq!(explain(TroubleKind::Timeout, None), "");
        assert_eq!(explain(TroubleKind::Timeout, Some(-7)), "");
    }
}
