//! A snapshot for a terminal.

use std::fmt;

use super::{
    metrics::short,
    snapshot::{Snapshot, Waiting},
};

impl Waiting {
    /// Who is absent, by the beginnings of their pseudonyms.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.absent.iter().map(|name| short(name)).collect();
        names.join(", ")
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ago = |ms: u64| ago(self.time_ms.saturating_sub(ms));
        let run = &self.run;
        writeln!(f, "chain        {}", short(&self.chain))?;
        let listening = if run.is_listening { ", listening before it signs anything" } else { "" };
        writeln!(
            f,
            "run          {} of {} rounds closed; {} ({}), attempt {}, since {}{listening}",
            run.step,
            run.steps,
            run.phase,
            run.purpose,
            run.attempt,
            ago(run.since_ms)
        )?;
        if let Some(waiting) = &self.waiting {
            let names = waiting.names();
            let of = if names.is_empty() { "" } else { ": " };
            writeln!(
                f,
                "waiting      for {} since {}, {} of {}{of}{}",
                waiting.what,
                ago(waiting.since_ms),
                waiting.present,
                waiting.needed,
                names
            )?;
        }
        if let Some(head) = &self.head {
            let sealed =
                head.time_ms.map_or_else(String::new, |at| format!(", sealed {} ago", ago(at)));
            writeln!(f, "head         {} {}{sealed}", head.height, short(&head.hash))?;
            if let Some(signed) = &head.countersigned {
                writeln!(
                    f,
                    "countersigned {} of {} for step {}",
                    signed.by.len(),
                    signed.needed,
                    signed.step
                )?;
            }
        }
        if let Some(committee) = &self.committee {
            writeln!(
                f,
                "committee {:<3}{} members, {} countersign, {} open; {} silent",
                committee.number,
                committee.members.len(),
                committee.quorum,
                committee.threshold,
                committee.silent.len()
            )?;
        }
        if let Some(budget) = &self.budget {
            writeln!(f, "privacy      {}", budget.says)?;
        }
        if let Some(evaluation) = self.evaluations.last() {
            let scores: Vec<String> = evaluation
                .scores
                .iter()
                .map(|(name, value)| format!("{name} {value:.4}"))
                .collect();
            writeln!(f, "evaluated    in step {}: {}", evaluation.step, scores.join(", "))?;
        }
        writeln!(f, "enrolled     {} of {}", self.institutions.len(), run.places)?;
        for other in &self.institutions {
            let standing = other.standing.as_deref().unwrap_or("-");
            let connected = if other.is_connected { "connected" } else { "not connected" };
            let out = if other.is_revoked { ", revoked" } else { "" };
            writeln!(
                f,
                "  {}  {connected:<13}  {standing:<14}  credit {} of {}, {} rows{out}",
                short(&other.name),
                other.credit,
                other.full_credit,
                other.rows
            )?;
        }
        for rejection in self.rejections.iter().rev().take(5) {
            let author = rejection.author.as_deref().map_or("nobody known", short);
            writeln!(
                f,
                "rejected     {} of {author} in step {}, {} ago: {}",
                rejection.what,
                rejection.step,
                ago(rejection.time_ms),
                rejection.reason
            )?;
        }
        Ok(())
    }
}

/// How long, in two units at most.
fn ago(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}
