//! "Did you mean …": the nearest known name, if it is near enough to be a slip of the finger.

/// The candidate with the fewest edits, if at most a third of the name would have to change.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let within = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edits(&name, candidate), candidate))
        .filter(|(edits, _)| *edits <= within)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["queue.retry.first", "queue.retry.max", "smtp.listen", "hostname"];
        let table = [
            ("queue.retry.frist", Some("queue.retry.first")),
            ("queue.retry.fist", Some("queue.retry.first")),
            ("smtp.listn", Some("smtp.listen")),
            ("Hostname", Some("hostname")),
            ("myhostname", Some("hostname")),
            ("bananas", None),
            ("", None),
        ];
        for (name, want) in table {
            assert_eq!(nearest(name, known), want, "{name}");
        }
    }
}
