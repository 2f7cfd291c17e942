//! Numbers in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).

use std::{
    fmt::{Display, Write as _},
    time::Duration,
};

/// Upper bounds of durations that are counted, in seconds: from a flush to a collection that nobody comes to.
pub const SECONDS: [f64; 13] =
    [0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// Durations that were counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Durations up to each bound and above the one before.
    counts: [u64; SECONDS.len()],
    all: u64,
    seconds: f64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let places = SECONDS.iter().zip(&mut self.counts);
        if let Some((_, count)) = places.into_iter().find(|(bound, _)| seconds <= **bound) {
            *count += 1;
        }
        self.all += 1;
        self.seconds += seconds;
    }
}

/// A text that grows by one metric at a time. Each is named once, with its help before its samples.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// Numbers that go up and down, one for each value of a label.
    pub fn gauges<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        self.head(name, help, "gauge");
        self.samples(name, label, samples);
    }

    /// A number that grows from 0 at the program's start.
    pub fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    /// Numbers that grow, one for each value of a label.
    pub fn counters<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        self.head(name, help, "counter");
        self.samples(name, label, samples);
    }

    /// Durations, for each value of a label.
    pub fn histograms<'a, L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (L, &'a Histogram)>,
    ) {
        self.head(name, help, "histogram");
        for (value, histogram) in samples {
            let value = value.to_string();
            self.histogram_samples(name, &[(label, &value)], histogram);
        }
    }

    /// Durations.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        self.histogram_samples(name, &[], histogram);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }

    fn histogram_samples(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let Histogram { counts, all, seconds } = histogram;
        let bucket = format!("{name}_bucket");
        let mut up_to = 0;
        for (bound, count) in SECONDS.iter().zip(counts) {
            up_to += count;
            let bound = bound.to_string();
            self.sample(&bucket, &[labels, &[("le", &bound)]].concat(), up_to as f64);
        }
        self.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), *all as f64);
        self.sample(&format!("{name}_sum"), labels, *seconds);
        self.sample(&format!("{name}_count"), labels, *all as f64);
    }

    fn samples<L: Display>(
        &mut self,
        name: &str,
        label: &str,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        for (value, number) in samples {
            self.sample(name, &[(label, &value.to_string())], number);
        }
    }

    // Writing to a string does not fail.
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_name_a_help_a_kind_and_labels_that_cannot_break_out() {
        let mut text = Exposition::default();
        text.gauge("step", "The step.", 3.0);
        text.counters("refused_total", "By limit.", "limit", [("a\"b\\c\nd", 1.0)]);
        let expected = "# HELP step The step.\n# TYPE step gauge\nstep 3\n\
                        # HELP refused_total By limit.\n# TYPE refused_total counter\n\
                        refused_total{limit=\"a\\\"b\\\\c\\nd\"} 1\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound_and_everything_at_the_end() {
        let mut histogram = Histogram::default();
        for ms in [1, 5, 300, 100_000_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        let mut text = Exposition::default();
        text.histograms("took", "Of each.", "phase", [("idle", &histogram)]);
        let text = text.finish();
        for line in [
            "took_bucket{phase=\"idle\",le=\"0.005\"} 2",
            "took_bucket{phase=\"idle\",le=\"0.25\"} 2",
            "took_bucket{phase=\"idle\",le=\"0.5\"} 3",
            "took_bucket{phase=\"idle\",le=\"7200\"} 3",
            "took_bucket{phase=\"idle\",le=\"+Inf\"} 4",
            "took_count{phase=\"idle\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
