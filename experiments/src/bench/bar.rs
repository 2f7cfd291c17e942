//! A bar: what is asked, what was measured, and whether that meets it.

use serde::Serialize;

use super::measuring::Measured;

/// What a measurement says about a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It meets it.
    Met,
    /// It does not.
    Missed,
    /// There is none in this run, or one of another size.
    NotMeasured,
    /// There is no bar: a figure to compare with.
    NoBar,
}

impl Verdict {
    /// For readers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "**missed**",
            Self::NotMeasured => "not measured",
            Self::NoBar => "–",
        }
    }

    fn of(is_met: bool) -> Self {
        if is_met { Self::Met } else { Self::Missed }
    }
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// What is asked.
    pub what: String,
    /// How much, in words.
    pub bar: String,
    /// What was measured, in words; `None` where this run did not.
    pub measured: Option<String>,
    /// Whether it was met.
    pub verdict: Verdict,
}

/// Wall and processor time of two sides of a comparison, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sides {
    ours: (f64, Option<f64>),
    theirs: (f64, Option<f64>),
}

impl Sides {
    /// Two parts of a measurement.
    pub(crate) fn of(measured: Option<&Measured>, ours: &str, theirs: &str) -> Option<Self> {
        let measured = measured?;
        let side = |name: &str| {
            let wall = *measured.parts.get(name)?;
            (wall > 0.0).then(|| (wall, measured.cpu_parts.get(name).copied()))
        };
        Some(Self { ours: side(ours)?, theirs: side(theirs)? })
    }

    /// Ours in units of theirs, by the wall and by the processor.
    fn share(self) -> (f64, Option<f64>) {
        let cpu = self.ours.1.zip(self.theirs.1).filter(|(_, theirs)| *theirs > 0.0);
        (self.ours.0 / self.theirs.0, cpu.map(|(ours, theirs)| ours / theirs))
    }

    fn shown(self) -> String {
        let side = |(wall, cpu): (f64, Option<f64>)| match cpu {
            Some(cpu) => format!("{} / {}", duration(wall), duration(cpu)),
            None => duration(wall),
        };
        format!("{} against {}", side(self.ours), side(self.theirs))
    }
}

impl Bar {
    pub(crate) fn new(
        what: impl Into<String>,
        bar: impl Into<String>,
        measured: Option<(String, bool)>,
    ) -> Self {
        let (measured, is_met) = measured.unzip();
        let verdict = is_met.map_or(Verdict::NotMeasured, Verdict::of);
        Self { what: what.into(), bar: bar.into(), measured, verdict }
    }

    pub(crate) fn at_most(
        what: impl Into<String>,
        unit: &str,
        most: f64,
        value: Option<f64>,
    ) -> Self {
        let shown = |value: f64| format!("{} {unit}", significant(value));
        Self::new(
            what,
            format!("≤ {}", shown(most)),
            value.map(|value| (shown(value), value <= most)),
        )
    }

    /// Ours is so many times as fast as theirs, by the wall and by the processor.
    pub(crate) fn times(what: impl Into<String>, least: f64, sides: Option<Sides>) -> Self {
        let measured = sides.map(|sides| {
            let (wall, cpu) = sides.share();
            let text = format!("{} × ({})", both(1.0 / wall, cpu.map(f64::recip)), sides.shown());
            (text, 1.0 / wall >= least && cpu.is_none_or(|cpu| 1.0 / cpu >= least))
        });
        Self::new(what, format!("≥ {least} × as fast"), measured)
    }

    /// Ours takes at most a share of theirs, by the wall and by the processor.
    pub(crate) fn share(what: impl Into<String>, most: f64, sides: Option<Sides>) -> Self {
        let measured = sides.map(|sides| {
            let (wall, cpu) = sides.share();
            let text = format!("{} × ({})", both(wall, cpu), sides.shown());
            (text, wall <= most && cpu.is_none_or(|cpu| cpu <= most))
        });
        Self::new(what, format!("≤ {most:.1} ×"), measured)
    }

    /// The same in per cent.
    pub(crate) fn per_cent(what: impl Into<String>, most: f64, sides: Option<Sides>) -> Self {
        let measured = sides.map(|sides| {
            let (wall, cpu) = sides.share();
            let text =
                format!("{} % ({})", both(100.0 * wall, cpu.map(|cpu| 100.0 * cpu)), sides.shown());
            let is_met = |share: f64| 100.0 * share <= most;
            (text, is_met(wall) && cpu.is_none_or(is_met))
        });
        Self::new(what, format!("≤ {most} %"), measured)
    }

    /// A figure that nothing is asked of.
    pub(crate) fn figure(what: impl Into<String>, sides: Option<Sides>) -> Self {
        let measured = sides.map(|sides| {
            let (wall, cpu) = sides.share();
            format!("{} × ({})", both(wall, cpu), sides.shown())
        });
        Self { what: what.into(), bar: "none".into(), measured, verdict: Verdict::NoBar }
    }

    /// Takes a verdict back that was reached at another size than the bar is about.
    pub(crate) fn at_another_size(mut self) -> Self {
        if let (Some(measured), Verdict::Met | Verdict::Missed) = (&mut self.measured, self.verdict)
        {
            measured.push_str(", at a small size");
            self.verdict = Verdict::NotMeasured;
        }
        self
    }
}

/// By the wall / by the processor.
fn both(wall: f64, cpu: Option<f64>) -> String {
    match cpu {
        Some(cpu) => format!("{} / {}", significant(wall), significant(cpu)),
        None => format!("{} by the wall alone", significant(wall)),
    }
}

/// Three digits in a unit that suits them.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 0.9995 => format!("{} s", significant(s)),
        s if s >= 0.000_999_5 => format!("{} ms", significant(s * 1e3)),
        s => format!("{} µs", significant(s * 1e6)),
    }
}

/// Three significant digits, and no exponent.
pub(crate) fn significant(value: f64) -> String {
    match value.abs() {
        v if v == 0.0 || v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        v if v >= 0.9995 => format!("{value:.2}"),
        v if v >= 0.099_95 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(ours: (f64, f64), theirs: (f64, f64)) -> Option<Sides> {
        let part = |name: &str, value| (name.to_owned(), value);
        let measured = Measured {
            parts: [part("ours", ours.0), part("theirs", theirs.0)].into(),
            cpu_parts: [part("ours", ours.1), part("theirs", theirs.1)].into(),
            ..Measured::default()
        };
        Sides::of(Some(&measured), "ours", "theirs")
    }

    #[test]
    fn a_ratio_meets_its_bar_by_the_wall_and_by_the_processor_or_misses_it() {
        let verdict = |ours, theirs| Bar::times("", 5.0, sides(ours, theirs)).verdict;
        assert_eq!(verdict((1.0, 1.0), (5.0, 5.0)), Verdict::Met);
        assert_eq!(verdict((1.0, 1.0), (4.9, 6.0)), Verdict::Missed);
        assert_eq!(verdict((1.0, 1.0), (6.0, 4.9)), Verdict::Missed);
        let verdict = |ours, theirs| Bar::share("", 0.5, sides(ours, theirs)).verdict;
        assert_eq!(verdict((1.0, 2.0), (2.0, 4.0)), Verdict::Met);
        assert_eq!(verdict((1.0, 2.1), (2.0, 4.0)), Verdict::Missed);
        let verdict = |ours, theirs| Bar::per_cent("", 1.5, sides(ours, theirs)).verdict;
        assert_eq!(verdict((1.5, 1.5), (100.0, 100.0)), Verdict::Met);
        assert_eq!(verdict((1.6, 1.5), (100.0, 100.0)), Verdict::Missed);
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        for bar in [
            Bar::times("", 5.0, None),
            Bar::share("", 5.0, None),
            Bar::per_cent("", 5.0, None),
            Bar::at_most("", "s", 5.0, None),
            Bar::at_most("", "s", 5.0, Some(1.0)).at_another_size(),
            Bar::at_most("", "s", 5.0, Some(9.0)).at_another_size(),
        ] {
            assert_eq!(bar.verdict, Verdict::NotMeasured, "{bar:?}");
        }
        assert_eq!(Bar::figure("", None).at_another_size().verdict, Verdict::NoBar);
        assert_eq!(Sides::of(Some(&Measured::default()), "ours", "theirs"), None);
    }

    #[test]
    fn a_system_that_tells_no_processor_time_is_judged_by_the_wall_and_says_so() {
        let parts = [("ours".to_owned(), 1.0), ("theirs".to_owned(), 9.0)].into();
        let measured = Measured { parts, ..Measured::default() };
        let bar = Bar::times("", 5.0, Sides::of(Some(&measured), "ours", "theirs"));
        assert_eq!(bar.verdict, Verdict::Met);
        assert!(bar.measured.unwrap().contains("by the wall alone"));
    }

    #[test]
    fn three_digits_count() {
        let shown = [0.0, 0.01234, 0.12345, 1.2345, 12.345, 123.45, 12345.0].map(significant);
        assert_eq!(shown, ["0", "0.0123", "0.123", "1.23", "12.3", "123", "12345"]);
    }

    #[test]
    fn units_suit_their_figures() {
        assert_eq!(
            [0.25, 2.5, 0.0025, 0.000_025].map(duration),
            ["250 ms", "2.50 s", "2.50 ms", "25.0 µs"]
        );
    }
}
