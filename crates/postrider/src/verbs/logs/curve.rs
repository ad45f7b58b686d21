//! How often something happened over time, in bounded memory, and when that changed.
//!
//! Counts in bins of equal width; when the time outgrows them, two become one. A change is where
//! two rates explain the counts much better than one (the likelihood of a Poisson process).

use postrider_smtp::Timestamp;

const BINS: usize = 64;
const WIDTH_MS: i64 = 60_000;
/// A change must make it so many times more frequent, be that many events, and be that much more likely.
const TIMES: f64 = 3.0;
const EVENTS_MIN: u32 = 10;
const GAIN_MIN: f64 = 8.0;

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    count: u32,
    /// When its first event was.
    first: i64,
}

/// Counts over time, from a moment on.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    origin: i64,
    width: i64,
    bins: Vec<Bin>,
}

impl Curve {
    /// Nothing yet; the log begins at `origin`.
    pub(super) fn new(origin: Timestamp) -> Self {
        Self { origin: origin.0, width: WIDTH_MS, bins: Vec::new() }
    }

    /// One more.
    pub(super) fn add(&mut self, at: Timestamp) {
        let bin = self.bin_of(at);
        if self.bins.len() <= bin {
            self.bins.resize(bin + 1, Bin::default());
        }
        let bin = &mut self.bins[bin];
        if bin.count == 0 || at.0 < bin.first {
            bin.first = at.0;
        }
        bin.count = bin.count.saturating_add(1);
    }

    /// The bin of a moment; all become wider until it is one of them. What is before the
    /// beginning counts as its first moment: clocks of several hosts differ.
    fn bin_of(&mut self, at: Timestamp) -> usize {
        loop {
            let bin = usize::try_from(at.0.saturating_sub(self.origin).max(0) / self.width).unwrap_or(usize::MAX);
            if bin < BINS {
                return bin;
            }
            self.bins =
                self.bins.chunks(2).map(|pair| pair.iter().copied().reduce(Bin::with).unwrap_or_default()).collect();
            self.width *= 2;
        }
    }

    /// Since when it happens much more often than before; the log ends at `end`.
    pub(super) fn change(&self, end: Timestamp) -> Option<Timestamp> {
        let mut curve = self.clone();
        let bins = curve.bin_of(end).max(curve.bins.len().saturating_sub(1)) + 1;
        curve.bins.resize(bins, Bin::default());
        let total: u32 = curve.bins.iter().map(|bin| bin.count).sum();
        let weight = |count: u32, bins: usize| {
            if count == 0 { 0.0 } else { f64::from(count) * (f64::from(count) / bins as f64).ln() }
        };
        let mut before = 0;
        let mut best: Option<(f64, usize)> = None;
        for at in 1..bins {
            before += curve.bins[at - 1].count;
            let after = total - before;
            let more = f64::from(after) / (bins - at) as f64 >= TIMES * f64::from(before) / at as f64;
            if more && after >= EVENTS_MIN && curve.bins[at].count > 0 {
                let gain = weight(before, at) + weight(after, bins - at) - weight(total, bins);
                if gain > best.map_or(GAIN_MIN, |(gain, _)| gain) {
                    best = Some((gain, at));
                }
            }
        }
        best.map(|(_, at)| Timestamp(curve.bins[at].first))
    }
}

impl Bin {
    fn with(self, other: Self) -> Self {
        let first = match (self.count, other.count) {
            (0, _) => other.first,
            (_, 0) => self.first,
            _ => self.first.min(other.first),
        };
        Self { count: self.count.saturating_add(other.count), first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_change_is_found_where_it_is() {
        let end = Timestamp(600 * MINUTE);
        let mut steady = Curve::new(Timestamp(0));
        (0..600).for_each(|minute| steady.add(Timestamp(minute * MINUTE)));
        assert_eq!(steady.change(end), None);
        let mut sudden = Curve::new(Timestamp(0));
        (0..600).step_by(60).for_each(|minute| sudden.add(Timestamp(minute * MINUTE)));
        (437..600).for_each(|minute| sudden.add(Timestamp(minute * MINUTE + 5)));
        let since = sudden.change(end).map_or(0, |at| at.0 / MINUTE);
        assert!((420..=440).contains(&since), "{since}");
        // It begins out of nothing: then the very moment is known.
        let mut new = Curve::new(Timestamp(0));
        (437..600).for_each(|minute| new.add(Timestamp(minute * MINUTE + 5)));
        assert_eq!(new.change(end), Some(Timestamp(437 * MINUTE + 5)));
        let mut few = Curve::new(Timestamp(0));
        (595..600).for_each(|minute| few.add(Timestamp(minute * MINUTE)));
        assert_eq!((few.change(end), Curve::new(Timestamp(0)).change(end)), (None, None));
        new.add(Timestamp(i64::MAX / 4));
        assert!(new.bins.len() <= BINS);
    }
}
