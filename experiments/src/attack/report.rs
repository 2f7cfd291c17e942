//! What the simulations say: the table, and in words where bounds help and where they do not. Every sentence follows
//! from the numbers; none is written in advance.

use std::fmt::Write as _;

use super::attacks::{Attack, Defence, Delivery};
use super::config::{AttackConfig, INSTITUTIONS, NORM_BOUND};
use super::files;
use super::record::{Spread, SummaryRow, curve};

/// A loss of accuracy below this, as a mean over the seeds, is called none.
const SMALL_LOSS: f64 = 0.02;
/// A backdoor that works on fewer more rows than this share is called none.
const SMALL_SUCCESS: f64 = 0.1;

/// What a defence makes of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Without any defence the attack does no harm either.
    Harmless,
    /// The harm is gone.
    Stops,
    /// At least half of the harm is gone.
    Halves,
    /// Some of it is gone.
    Dampens,
    /// None of it is gone.
    Fails,
}

impl Verdict {
    fn of(undefended: f64, defended: f64, small: f64) -> Self {
        match () {
            () if undefended < small && defended < small => Self::Harmless,
            () if defended < small => Self::Stops,
            () if defended <= undefended / 2.0 => Self::Halves,
            () if defended <= undefended - small => Self::Dampens,
            () => Self::Fails,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Harmless => "nothing to defend against",
            Self::Stops => "the bound helps",
            Self::Halves => "the bound takes at least half of the harm away",
            Self::Dampens => "the bound takes some of the harm away",
            Self::Fails => "**the bound does not help**",
        }
    }
}

/// What an attack costs at its end of a curve, against the same defence with nobody malicious: accuracy, or triggered
/// rows that the backdoor has won.
fn harm(curve: &[SummaryRow], attack: Attack) -> Option<f64> {
    let first = curve.first()?;
    let last = curve.last()?;
    Some(match attack.is_targeted() {
        true => last.backdoor_success.mean - first.backdoor_success.mean,
        false => first.accuracy.mean - last.accuracy.mean,
    })
}

fn small(attack: Attack) -> f64 {
    if attack.is_targeted() { SMALL_SUCCESS } else { SMALL_LOSS }
}

fn how(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Naive => "sent as it is",
        Delivery::Bounded => "cut to the bound",
        Delivery::Tried => "proof drawn anew",
        Delivery::Slack => "at the proven slack",
    }
}

/// All attacks sent against all defences, in the order of tables.
fn lines() -> impl Iterator<Item = (Attack, Defence, Delivery)> {
    let pairs =
        Attack::ALL.into_iter().flat_map(|attack| Defence::ALL.map(|defence| (attack, defence)));
    pairs.flat_map(|(attack, defence)| {
        attack.deliveries(defence).iter().map(move |&d| (attack, defence, d))
    })
}

/// Heads of a table's columns: one for each number of malicious institutions, then the backdoor and what was accepted.
fn heads(config: &AttackConfig) -> Vec<String> {
    let mut heads: Vec<_> =
        config.malicious.iter().map(|malicious| format!("{malicious} malicious")).collect();
    heads.extend(["backdoor", "accepted"].map(str::to_owned));
    heads
}

/// One line of a table: accuracies by number of malicious institutions, then at the last of them the backdoor's success
/// and the share of malicious updates that was accepted.
fn cells(curve: &[SummaryRow], shown: impl Fn(Spread) -> String) -> Vec<String> {
    let mut cells: Vec<_> = curve.iter().map(|row| shown(row.accuracy)).collect();
    if let Some(last) = curve.last() {
        cells.push(format!("{:.2}", last.backdoor_success.mean));
        cells.push(format!("{:.0} %", 100.0 * last.accepted_share));
    }
    cells
}

/// The table in aligned columns, means alone.
#[must_use]
pub fn text_table(summary: &[SummaryRow], config: &AttackConfig) -> String {
    let mut table =
        format!("{:28} {:20} {:20}", "accuracy, mean over seeds", "defence", "delivery");
    for head in heads(config) {
        // Writing into a String cannot fail.
        let _ = write!(table, " {head:>11}");
    }
    table.push('\n');
    for (attack, defence, delivery) in lines() {
        let how = if defence == Defence::Plain { "" } else { how(delivery) };
        let _ = write!(table, "{:28} {:20} {how:20}", attack.title(), defence.title());
        for cell in cells(&curve(summary, attack, delivery, defence), |spread| {
            format!("{:.3}", spread.mean)
        }) {
            let _ = write!(table, " {cell:>11}");
        }
        table.push('\n');
    }
    table
}

/// `attack.md`.
#[must_use]
pub fn markdown(summary: &[SummaryRow], config: &AttackConfig) -> String {
    let AttackConfig { dataset, epochs, seed, seeds, .. } = config;
    let most = config.malicious.iter().max().copied().unwrap_or(0);
    let last = seed + *seeds as u64 - 1;
    let mut text = format!(
        "# Attacks on a federation: {dataset}\n\n\
         {INSTITUTIONS} institutions, {epochs} rounds, seeds {seed} to {last}. Each number is a last global model's on rows \
         that nobody trained on, simulated on quantised values exactly as the contract computes them; every simulation is \
         a line of `{}`.\n\n![accuracy by number of malicious institutions]({})\n\n## What bounds help against\n\n\
         With {most} of {INSTITUTIONS} malicious, against the same defence with nobody malicious. A loss below {:.0} points \
         of accuracy, or a backdoor that works on fewer than {:.0} points more of the triggered rows, counts as none.\n\n",
        files::CSV,
        files::FIGURE,
        100.0 * SMALL_LOSS,
        100.0 * SMALL_SUCCESS,
    );
    for attack in Attack::ALL {
        text.push_str(&paragraph(summary, attack));
    }
    text.push_str(&conclusion(summary));
    text.push_str("\n## Accuracy: mean (least to largest)\n\n| attack | defence | delivery |");
    let heads = heads(config);
    for head in &heads {
        // Writing into a String cannot fail.
        let _ = write!(text, " {head} |");
    }
    let _ = writeln!(text, "\n|{}", " --- |".repeat(3 + heads.len()));
    for (attack, defence, delivery) in lines() {
        let _ = write!(text, "| {} | {} | {} |", attack.title(), defence.title(), how(delivery));
        let shown = |Spread { mean, least, largest }: Spread| {
            format!("{mean:.3} ({least:.2}–{largest:.2})")
        };
        for cell in cells(&curve(summary, attack, delivery, defence), shown) {
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "\n*backdoor*: share of positive test rows that are called negative once they carry the trigger; *accepted*: \
         share of the malicious updates that went into a sum; both with {most} malicious.\n\n\
         *Sent as it is*: what leaves the bound is rejected, costs a credit, and after three of them its author is \
         expelled. *Cut to the bound*: the most of it that an honest institution could have sent. *Proof drawn anew*: \
         stretched to {:.2} times B, which about one proof in 2^20 lets pass, for attackers who draw as many. *At the proven slack*: \
         stretched to the longest norm that the proof does not exclude, {:.2} times B; it is an upper limit, since so \
         long an update passes with probability 2^-126.\n",
        Delivery::Tried.stretch(NORM_BOUND).unwrap_or(1.0),
        NORM_BOUND.slack(),
    );
    text
}

fn paragraph(summary: &[SummaryRow], attack: Attack) -> String {
    let words =
        |curve: &[SummaryRow], harm: f64| match (curve.first(), curve.last(), attack.is_targeted())
        {
            (Some(first), Some(last), true) => {
                let from = 100.0 * first.backdoor_success.mean;
                let to = 100.0 * last.backdoor_success.mean;
                format!("takes the triggered rows called negative from {from:.0} to {to:.0} %")
            }
            _ if harm < 0.0005 => "costs nothing".to_owned(),
            _ => format!("costs {:.1} points", 100.0 * harm),
        };
    let plain = curve(summary, attack, Delivery::Naive, Defence::Plain);
    let Some(undefended) = harm(&plain, attack) else {
        return String::new();
    };
    let mut text =
        format!("**{}.** Against plain FL it {}.\n\n", attack.title(), words(&plain, undefended));
    for defence in [Defence::Parameter, Defence::Norm] {
        for &delivery in attack.deliveries(defence) {
            let curve = curve(summary, attack, delivery, defence);
            let Some((harm, last)) = harm(&curve, attack).zip(curve.last()) else { continue };
            let verdict = Verdict::of(undefended, harm, small(attack)).says();
            let title = defence.title();
            let how = how(delivery);
            let accepted = 100.0 * last.accepted_share;
            // Writing into a String cannot fail.
            let _ = writeln!(
                text,
                "- {title}, {how} ({accepted:.0} % accepted): it {}: {verdict}.",
                words(&curve, harm)
            );
        }
    }
    text.push('\n');
    text
}

/// The attacks by what the bounds make of the strongest version that is accepted.
fn conclusion(summary: &[SummaryRow]) -> String {
    let mut text = String::from("## In short\n\n");
    for defence in [Defence::Parameter, Defence::Norm] {
        let mut by_verdict: Vec<(Verdict, Vec<&str>)> =
            [Verdict::Stops, Verdict::Halves, Verdict::Dampens]
                .into_iter()
                .chain([Verdict::Fails, Verdict::Harmless])
                .map(|verdict| (verdict, Vec::new()))
                .collect();
        for attack in Attack::ALL {
            let undefended = harm(&curve(summary, attack, Delivery::Naive, Defence::Plain), attack);
            // The slack is what cannot be excluded, not what can be done.
            let sent =
                attack.deliveries(defence).iter().filter(|delivery| **delivery != Delivery::Slack);
            let worst = sent
                .filter_map(|&delivery| harm(&curve(summary, attack, delivery, defence), attack));
            let Some((undefended, worst)) = undefended.zip(worst.reduce(f64::max)) else {
                continue;
            };
            let verdict = Verdict::of(undefended, worst, small(attack));
            if let Some((_, attacks)) = by_verdict.iter_mut().find(|(known, _)| *known == verdict) {
                attacks.push(attack.title());
            }
        }
        for (verdict, attacks) in by_verdict.into_iter().filter(|(_, attacks)| !attacks.is_empty())
        {
            // Writing into a String cannot fail.
            let _ = writeln!(
                text,
                "- {}: {}: {}.",
                defence.title(),
                attacks.join(", "),
                verdict.says()
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        attack: Attack,
        delivery: Delivery,
        defence: Defence,
        malicious: usize,
        accuracy: f64,
    ) -> SummaryRow {
        let same = |mean| Spread { mean, least: mean, largest: mean };
        let balanced_accuracy = same(0.5);
        let backdoor_success = same(0.25);
        let accuracy = same(accuracy);
        let accepted_share = 1.0;
        SummaryRow {
            attack,
            delivery,
            defence,
            malicious,
            accuracy,
            balanced_accuracy,
            backdoor_success,
            accepted_share,
        }
    }

    fn summary(plain: f64, bounded: f64) -> Vec<SummaryRow> {
        let mut rows = Vec::new();
        for defence in Defence::ALL {
            rows.push(row(Attack::None, Delivery::Naive, defence, 0, 0.75));
            let accuracy = if defence == Defence::Plain { plain } else { bounded };
            for attack in Attack::ALL {
                let deliveries = attack.deliveries(defence).iter();
                rows.extend(
                    deliveries.map(|&delivery| row(attack, delivery, defence, 4, accuracy)),
                );
            }
        }
        rows
    }

    fn config() -> AttackConfig {
        AttackConfig { dataset: "pima".into(), epochs: 9, seed: 1, seeds: 2, malicious: vec![0, 4] }
    }

    #[test]
    fn other_numbers_give_other_words() {
        let helped = markdown(&summary(0.25, 0.75), &config());
        assert!(helped.contains("it costs nothing: the bound helps"), "{helped}");
        assert!(!helped.contains("does not help"), "{helped}");
        let beaten = markdown(&summary(0.25, 0.25), &config());
        assert!(beaten.contains("it costs 50.0 points: **the bound does not help**"), "{beaten}");
        assert!(!beaten.contains("the bound helps"), "{beaten}");
        assert!(markdown(&summary(0.25, 0.4), &config()).contains("takes some of the harm away"));
        assert!(
            markdown(&summary(0.25, 0.6), &config())
                .contains("takes at least half of the harm away")
        );
        assert!(markdown(&summary(0.75, 0.75), &config()).contains("nothing to defend against"));
    }

    #[test]
    fn every_line_of_the_tables_has_a_cell_for_every_column() {
        let summary = summary(0.25, 0.75);
        let config = config();
        let text = markdown(&summary, &config);
        let widths: Vec<_> =
            text.lines().filter(|l| l.starts_with("| ")).map(|l| l.matches('|').count()).collect();
        assert_eq!(widths.len(), 2 + lines().count());
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        let table = text_table(&summary, &config);
        assert_eq!(table.lines().count(), 1 + lines().count());
        let length = table.lines().next().unwrap().chars().count();
        assert!(table.lines().all(|line| line.chars().count() == length), "{table}");
    }
}
