//! What the project asks of itself, and whether this run met it. Nothing here lowers a bar: what was not measured, or at
//! another size, meets none.

use super::bar::{Bar, Sides, significant};
use super::comparison::{OURS, Sizes, traffic_of};
use super::crate_duel::CRATE;
use super::federation as large;
use super::in_turns::RANGES;
use super::masks;
use super::replayed::DOWNLOAD;
use super::results::Results;
use super::scheme::Scheme;

/// What is asked of the steps of a lattice mask, in per cent of the group mask's.
const STEPS: [f64; 3] = [1.5, 4.0, 1.0];
/// What is asked against peers, by name.
const PEERS: [(&str, f64); 2] = [("plain", 1.0), ("secagg", 0.5)];

/// All bars: those of proofs at the price of encryption, and in a run with cells also those that are older.
pub(crate) fn bars(results: &Results) -> Vec<Bar> {
    let mut bars = of_proofs(results);
    bars.extend(of_replays(results));
    bars.extend(of_masks(results));
    bars.extend(of_large(results));
    if results.sizes != Sizes::asked() {
        bars = bars.into_iter().map(Bar::at_another_size).collect();
    }
    if results.has_cells() {
        bars.extend(of_the_crate(results));
    }
    bars
}

fn of_proofs(results: &Results) -> Vec<Bar> {
    let sides = |name: &str| Sides::of(results.compared(name), OURS, RANGES);
    vec![
        Bar::times(
            "proof of a norm, one parameter with the proof of its key, against 256 range proofs of 16 bits with theirs, one core",
            12.0,
            sides("norm-proof"),
        ),
        Bar::times(
            format!(
                "client, whole update of {} parameters, norm against 8 bits a parameter, one core",
                results.sizes.update
            ),
            5.0,
            sides("whole-update"),
        ),
    ]
}

fn of_replays(results: &Results) -> Vec<Bar> {
    let replays = results.compared("replays");
    let rounds = results.sizes.replay_rounds;
    let what = |name: &str| {
        format!(
            "replay, {rounds} rounds, ten institutions, all of which verify live, against {name} in turns, whole commands"
        )
    };
    let mut bars: Vec<Bar> = PEERS
        .into_iter()
        .map(|(name, most)| Bar::share(what(name), most, Sides::of(replays, OURS, name)))
        .collect();
    let names = replays.into_iter().flat_map(|measured| measured.parts.keys());
    let others = names.filter(|name| *name != OURS && PEERS.iter().all(|(peer, _)| peer != name));
    bars.extend(others.map(|name| Bar::figure(what(name), Sides::of(replays, OURS, name))));
    let audit = results.compared("audit").and_then(|audit| audit.median());
    bars.push(Bar::at_most("full audit of that replay, all cores", "s", 2.0, audit));

    let many = results.sizes.many;
    let download = |institutions: usize| {
        results.compared(&traffic_of(institutions))?.parts.get(DOWNLOAD).copied()
    };
    let ratio = download(10).zip(download(many)).map(|(ten, all)| {
        let [ten, all] = [ten, all].map(|bytes| bytes / 1e3);
        let text = format!(
            "{} × ({} against {} kB)",
            significant(all / ten),
            significant(all),
            significant(ten)
        );
        (text, all <= 3.0 * ten)
    });
    let what = format!(
        "download a round and institution, 289 parameters, {many} institutions against ten"
    );
    bars.push(Bar::new(what, "≤ 3 ×", ratio));
    bars
}

fn of_masks(results: &Results) -> Vec<Bar> {
    let masks = results.compared("masks");
    let dimension = results.sizes.masks;
    let names = ["client", "coordinator, of each of ten updates folded", "opening"];
    let steps = (0..).zip(names.into_iter().zip(STEPS)).map(|(step, (name, most))| {
        let part = |scheme| masks::part(scheme, step).unwrap_or_default();
        let sides = Sides::of(masks, part(Scheme::Lattice), part(Scheme::Norm));
        let what =
            format!("lattice mask against group mask, {dimension} parameters, one core: {name}");
        Bar::per_cent(what, most, sides)
    });
    let mut bars: Vec<Bar> = steps.collect();
    let upload = masks.map(|masks| masks.bytes_up as f64 / 1e6);
    bars.push(Bar::at_most("its upload", "MB", 4.2, upload));
    bars
}

fn of_large(results: &Results) -> Vec<Bar> {
    let run = results.compared("large");
    let part = |name: &str| run.and_then(|run| run.parts.get(name).copied());
    let who = match part(large::PARAMETERS) {
        Some(parameters) => {
            format!("ten institutions × {parameters:.0} parameters, a process each")
        }
        None => "ten institutions × a million parameters, a process each".to_owned(),
    };
    let round = part(large::BESIDES).zip(part(large::LONGEST)).map(|(besides, longest)| {
        let text = format!("{} s ({} s with it)", significant(besides), significant(longest));
        (text, besides <= 30.0)
    });
    let memory = |name| part(name).map(|bytes| bytes / 1e6);
    let rounds = results.sizes.large_rounds as f64;
    let audited = part(large::AUDIT).zip(part(large::ROUNDS)).map(|(seconds, closed)| {
        (format!("{closed:.0} rounds, passed in {} s", significant(seconds)), closed >= rounds)
    });
    vec![
        Bar::new(format!("{who}: the longest round besides training"), "≤ 30.0 s", round),
        Bar::at_most("its coordinator's peak memory", "MB", 600.0, memory(large::COORDINATOR)),
        Bar::at_most("the largest institution's", "MB", 400.0, memory(large::INSTITUTION)),
        Bar::new("its full audit", format!("passes after {rounds} rounds"), audited),
    ]
}

/// Older than the others, and still asked.
fn of_the_crate(results: &Results) -> Vec<Bar> {
    let sides = |name: &str| Sides::of(results.compared(name), OURS, CRATE);
    vec![
        Bar::times(
            "our prover against the bulletproofs crate's, 256 values of 8 bits, one core",
            2.2,
            sides("crate-prover"),
        ),
        Bar::times(
            "10 × 289 parameters folded, against the crate one by one, one core",
            3.0,
            sides("crate-verifier"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::bar::Verdict;
    use super::super::comparison::Comparison;
    use super::super::machine::Machine;
    use super::super::measuring::Measured;
    use super::*;
    use std::path::Path;

    fn verdict(results: &Results, what: &str) -> Verdict {
        let found: Vec<_> =
            bars(results).into_iter().filter(|bar| bar.what.contains(what)).collect();
        assert_eq!(found.len(), 1, "{what}: {found:?}");
        found[0].verdict
    }

    fn results() -> Results {
        Results::new(Machine::example(), Sizes::asked(), &[])
    }

    fn parts(values: &[(&str, f64)]) -> Measured {
        let parts: std::collections::BTreeMap<_, _> =
            values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Measured { parts: parts.clone(), cpu_parts: parts, ..Measured::default() }
    }

    /// What each comparison says where every bar is just met, and just missed.
    fn edges(met: bool) -> Vec<(&'static str, Measured)> {
        let by = if met { 1.0 } else { 1.01 };
        let mask = |step: usize, share: f64| {
            [(Scheme::Lattice, share * by), (Scheme::Norm, 100.0)]
                .map(|(scheme, seconds)| (masks::part(scheme, step).unwrap(), seconds))
        };
        let masks: Vec<_> = [mask(0, 1.5), mask(1, 4.0), mask(2, 1.0)].concat();
        let mb = |most: f64| most * by * 1e6;
        vec![
            ("norm-proof", parts(&[(OURS, by), (RANGES, 12.0)])),
            ("whole-update", parts(&[(OURS, by), (RANGES, 5.0)])),
            ("replays", parts(&[(OURS, by), ("plain", 1.0), ("secagg", 2.0), ("other", 1.0)])),
            ("audit", Measured { seconds: vec![2.0 * by], ..Measured::default() }),
            ("traffic-10", parts(&[(DOWNLOAD, 1e4)])),
            ("traffic-50", parts(&[(DOWNLOAD, 3e4 * by)])),
            ("masks", Measured { bytes_up: mb(4.2) as u64, ..parts(&masks) }),
            (
                "large",
                parts(&[
                    (large::BESIDES, 30.0 * by),
                    (large::LONGEST, 40.0),
                    (large::COORDINATOR, mb(600.0)),
                    (large::INSTITUTION, mb(400.0)),
                    (large::AUDIT, 5.0),
                    (large::ROUNDS, if met { 3.0 } else { 2.0 }),
                    (large::PARAMETERS, 1_000_981.0),
                ]),
            ),
        ]
    }

    #[test]
    fn the_plan_covers_every_bar() {
        let peers = [];
        let planned: Vec<_> = Comparison::of_bars(&Sizes::asked(), &peers, Path::new("scratch"))
            .iter()
            .map(Comparison::name)
            .collect();
        let needed: Vec<_> = edges(true).into_iter().map(|(name, _)| name.to_owned()).collect();
        assert!(needed.iter().all(|name| planned.contains(name)), "{planned:?}");
        assert_eq!(needed.len(), planned.len());
    }

    #[test]
    fn a_bar_is_met_missed_or_not_measured() {
        for (edge, expected) in [
            (Some(true), Verdict::Met),
            (Some(false), Verdict::Missed),
            (None, Verdict::NotMeasured),
        ] {
            let mut results = results();
            for (name, measured) in edge.map(edges).unwrap_or_default() {
                results.compare(name.to_owned(), measured);
            }
            let all = bars(&results);
            let judged: Vec<_> = all.iter().filter(|bar| bar.verdict != Verdict::NoBar).collect();
            assert_eq!(judged.len(), 14);
            for bar in judged {
                assert_eq!(bar.verdict, expected, "{bar:?}");
                assert_eq!(bar.measured.is_some(), edge.is_some());
            }
        }
    }

    #[test]
    fn a_peer_without_a_bar_is_a_figure() {
        let mut results = results();
        results.compare("replays".into(), parts(&[(OURS, 1.0), ("plain", 2.0), ("other", 1.0)]));
        assert_eq!(verdict(&results, "against plain"), Verdict::Met);
        assert_eq!(verdict(&results, "against secagg"), Verdict::NotMeasured);
        assert_eq!(verdict(&results, "against other"), Verdict::NoBar);
    }

    #[test]
    fn nothing_that_was_measured_at_a_small_size_meets_a_bar() {
        let mut results = Results::new(Machine::example(), Sizes::quick(), &[]);
        for (name, measured) in edges(true) {
            results.compare(name.to_owned(), measured);
        }
        assert!(bars(&results).iter().all(|bar| bar.verdict != Verdict::Met));
        assert_eq!(verdict(&results, "its upload"), Verdict::NotMeasured);
    }

    #[test]
    fn the_crate_is_compared_with_where_the_table_is_made() {
        let mut results = super::super::example::example();
        results.compare("crate-prover".into(), parts(&[(OURS, 1.0), (CRATE, 2.2)]));
        assert_eq!(verdict(&results, "our prover"), Verdict::Met);
        assert_eq!(verdict(&results, "one by one"), Verdict::NotMeasured);
    }
}
