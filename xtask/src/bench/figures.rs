//! One run's figures, the medians over rounds, and how they are shown.

use serde_json::{Value, json};

/// What one run of one relay under one workload gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// The relay.
    pub(crate) peer: &'static str,
    /// The workload.
    pub(crate) workload: &'static str,
    /// Messages handed in.
    pub(crate) messages: u64,
    /// Messages answered 250 per second.
    pub(crate) accepted_per_s: f64,
    /// Messages that came out, per second from the first 250 to the last arrival.
    pub(crate) delivered_per_s: f64,
    /// CPU seconds of the relay's processes per 1,000 messages.
    pub(crate) cpu_s_per_1k: f64,
    /// Peak memory, in millions of octets.
    pub(crate) peak_mb: f64,
    /// Syncs to disk per message, when they were counted.
    pub(crate) syncs_per_message: Option<f64>,
    /// From MAIL to 250, half of the messages and 99 of 100, in milliseconds.
    pub(crate) latency_ms: (f64, f64),
    /// Accepted messages that never came out.
    pub(crate) lost: u64,
    /// Messages that came out more than once.
    pub(crate) doubled: u64,
    /// CPU seconds of source and sink per 1,000 messages: what is missing to the relay.
    pub(crate) tool_cpu_s_per_1k: f64,
}

impl Figures {
    /// For a file.
    pub(crate) fn json(&self) -> Value {
        json!({
            "peer": self.peer, "workload": self.workload, "messages": self.messages,
            "accepted_per_s": round(self.accepted_per_s), "delivered_per_s": round(self.delivered_per_s),
            "cpu_s_per_1k": round(self.cpu_s_per_1k), "peak_mb": round(self.peak_mb),
            "syncs_per_message": self.syncs_per_message.map(round),
            "latency_ms_p50": round(self.latency_ms.0), "latency_ms_p99": round(self.latency_ms.1),
            "lost": self.lost, "doubled": self.doubled, "tool_cpu_s_per_1k": round(self.tool_cpu_s_per_1k),
        })
    }
}

fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

/// The medians of each peer and workload, in the order in which they first came up. Losses are summed.
pub(crate) fn medians(runs: &[Figures]) -> Vec<Figures> {
    let mut order: Vec<(&str, &str)> = Vec::new();
    for run in runs {
        if !order.contains(&(run.workload, run.peer)) {
            order.push((run.workload, run.peer));
        }
    }
    let of = |(workload, peer): (&str, &str)| -> Option<Figures> {
        let same: Vec<&Figures> = runs.iter().filter(|run| run.workload == workload && run.peer == peer).collect();
        let middle = |figure: fn(&Figures) -> f64| median(same.iter().map(|run| figure(run)).collect());
        let syncs: Vec<f64> = same.iter().filter_map(|run| run.syncs_per_message).collect();
        Some(Figures {
            accepted_per_s: middle(|run| run.accepted_per_s),
            delivered_per_s: middle(|run| run.delivered_per_s),
            cpu_s_per_1k: middle(|run| run.cpu_s_per_1k),
            peak_mb: middle(|run| run.peak_mb),
            syncs_per_message: (!syncs.is_empty()).then(|| median(syncs)),
            latency_ms: (middle(|run| run.latency_ms.0), middle(|run| run.latency_ms.1)),
            lost: same.iter().map(|run| run.lost).sum(),
            doubled: same.iter().map(|run| run.doubled).sum(),
            tool_cpu_s_per_1k: middle(|run| run.tool_cpu_s_per_1k),
            ..(*same.first()?).clone()
        })
    };
    order.into_iter().filter_map(of).collect()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// A table for people, with the ratio to `base` where it took part.
pub(crate) fn table(medians: &[Figures], base: &str) -> String {
    let mut text = format!(
        "{:<10} {:<10} {:>8} {:>8} {:>7} {:>9} {:>7} {:>8} {:>7} {:>7} {:>9} {:>5} {:>7}\n",
        "workload",
        "peer",
        "in/s",
        "out/s",
        "ratio",
        "CPU s/1k",
        "ratio",
        "peak MB",
        "syncs",
        "p50 ms",
        "p99 ms",
        "lost",
        "doubled"
    );
    for run in medians {
        let base = medians.iter().find(|other| other.peer == base && other.workload == run.workload);
        let ratio = |figure: fn(&Figures) -> f64| {
            let base = base.map(figure).filter(|base| *base > 0.0);
            base.map_or("–".to_owned(), |base| format!("{:.2}", figure(run) / base))
        };
        text.push_str(&format!(
            "{:<10} {:<10} {:>8.0} {:>8.0} {:>7} {:>9.3} {:>7} {:>8.0} {:>7} {:>7.1} {:>9.1} {:>5} {:>7}\n",
            run.workload,
            run.peer,
            run.accepted_per_s,
            run.delivered_per_s,
            ratio(|run| run.delivered_per_s),
            run.cpu_s_per_1k,
            ratio(|run| run.cpu_s_per_1k),
            run.peak_mb,
            run.syncs_per_message.map_or("–".to_owned(), |syncs| format!("{syncs:.2}")),
            run.latency_ms.0,
            run.latency_ms.1,
            run.lost,
            run.doubled,
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(peer: &'static str, delivered_per_s: f64, lost: u64) -> Figures {
        Figures {
            peer,
            workload: "10k",
            messages: 10,
            accepted_per_s: 1.0,
            delivered_per_s,
            cpu_s_per_1k: 2.0,
            peak_mb: 3.0,
            syncs_per_message: None,
            latency_ms: (1.0, 2.0),
            lost,
            doubled: 0,
            tool_cpu_s_per_1k: 0.1,
        }
    }

    #[test]
    fn a_median_is_not_moved_by_one_bad_round_but_a_loss_is_kept() {
        let runs = [run("a", 100.0, 0), run("b", 10.0, 0), run("a", 1.0, 1), run("a", 110.0, 0)];
        let medians = medians(&runs);
        assert_eq!((medians[0].delivered_per_s, medians[0].lost), (100.0, 1));
        assert!(table(&medians, "b").lines().nth(1).unwrap().contains("10.00"));
    }
}
