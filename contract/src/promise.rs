//! What a run's bound promises about every accepted update, in words.

use consilium_crypto::Bound;

/// What a bound promises about every accepted update, in words.
pub fn promise(bound: Bound, clip: f32) -> String {
    match bound {
        Bound::Parameter { bits } => {
            let beyond = 1_u32 << bits.saturating_sub(1).min(31);
            let most = beyond - 1;
            format!(
                "every parameter is clipped to ±{clip} ({most} units of {bits} bits); none of an update that is accepted is \
                 beyond ±{beyond} units"
            )
        }
        Bound::Norm { norm, projections } => {
            let slack = bound.slack();
            let reach = slack * f64::from(norm);
            let longest = slack * f64::from(clip);
            format!(
                "an update is clipped to norm {clip} (B = {norm}); one that is accepted is at most {slack:.2}·B = \
                 {reach:.0}, a norm of about {longest:.3} ({projections} projections)"
            )
        }
    }
}
