//! Counters of requests: how they ended and how long they took, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

/// Upper bounds of the buckets of request times, in seconds.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];
/// Classes of statuses: 1xx to 5xx.
const CLASSES: usize = 5;

/// Counters of requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    by_class: [AtomicU64; CLASSES],
    by_time: [AtomicU64; BUCKETS.len()],
    micros: AtomicU64,
}

impl Requests {
    /// Counts a request that ended.
    pub(crate) fn note(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES - 1);
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        for (bound, count) in BUCKETS.iter().zip(&self.by_time) {
            if took.as_secs_f64() <= *bound {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Appends the counters.
    pub(crate) fn write(&self, text: &mut String) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        header(text, "malkin_requests_total", "counter", "Requests by class of status");
        for (class, count) in self.by_class.iter().enumerate() {
            let _ = writeln!(text, "malkin_requests_total{{status=\"{}xx\"}} {}", class + 1, read(count));
        }
        let total: u64 = self.by_class.iter().map(read).sum();
        header(text, "malkin_request_seconds", "histogram", "Time of requests");
        for (bound, count) in BUCKETS.iter().zip(&self.by_time) {
            let _ = writeln!(text, "malkin_request_seconds_bucket{{le=\"{bound}\"}} {}", read(count));
        }
        let _ = writeln!(text, "malkin_request_seconds_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(text, "malkin_request_seconds_sum {}", read(&self.micros) as f64 / 1e6);
        let _ = writeln!(text, "malkin_request_seconds_count {total}");
    }
}

/// Appends the lines that introduce a figure.
pub(crate) fn header(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_in_every_bucket_they_fit() {
        let requests = Requests::default();
        requests.note(StatusCode::OK, Duration::from_millis(3));
        requests.note(StatusCode::NOT_FOUND, Duration::from_secs(3));
        let mut text = String::new();
        requests.write(&mut text);
        for line in [
            "malkin_requests_total{status=\"2xx\"} 1",
            "malkin_requests_total{status=\"4xx\"} 1",
            "malkin_request_seconds_bucket{le=\"0.001\"} 0",
            "malkin_request_seconds_bucket{le=\"0.005\"} 1",
            "malkin_request_seconds_bucket{le=\"10\"} 2",
            "malkin_request_seconds_count 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
