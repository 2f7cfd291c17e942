//! Whose run it is: parties that have made their keys and asked, or parties whose keys are made here.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_authority::{Asked, Ceremony, CeremonySpec, Founding, INSTITUTIONS};
use consilium_contract::Parameters;
use consilium_identity::{PartyRequest, institution_folder};
use consilium_proto::v1::PartyRole;
use rand_core::OsRng;

#[derive(Args)]
pub(super) struct Parties {
    /// Request of each institution (`consilium-client request`), in the order of their numbers.
    #[arg(long = "institution", value_name = "REQUEST", num_args = 1..)]
    requests: Vec<PathBuf>,
    /// Fingerprints of these requests, in the same order, as their authors have read them out by another way than the files
    /// took.
    #[arg(long = "fingerprint", value_name = "FINGERPRINT", num_args = 1.., requires = "requests")]
    fingerprints: Vec<String>,
    /// Request of the coordinator (`consilium-coordinator request`).
    #[arg(long, value_name = "REQUEST", requires = "requests")]
    coordinator: Option<PathBuf>,
    /// Its fingerprint, as it was read out.
    #[arg(long, value_name = "FINGERPRINT", requires = "coordinator")]
    coordinator_fingerprint: Option<String>,
    /// Says aloud what --institutions means.
    #[arg(long, requires = "institutions", conflicts_with = "requests")]
    make_keys_here: bool,
    /// For simulations only: a local ceremony, which makes the keys of so many institutions and of the coordinator here, and a folder
    /// for each. Whoever runs this, or reads a folder before it is handed out, can sign as that party.
    #[arg(long, value_name = "N", conflicts_with = "requests")]
    institutions: Option<u32>,
}

impl Parties {
    /// How many institutions there are.
    pub(super) fn number(&self) -> Result<u32, String> {
        match (&self.requests[..], self.institutions) {
            ([], Some(institutions)) => Ok(institutions),
            ([], None) => Err(
                "whose run is it? Give the request of each institution with --institution, and the coordinator's with \
                 --coordinator; or --institutions N for a simulation, where this program makes everybody's keys"
                    .to_owned(),
            ),
            (requests, _) => u32::try_from(requests.len()).map_err(|error| error.to_string()),
        }
    }

    /// Founds the run and writes its directory; what is in it, and what to do with that.
    pub(super) fn found(
        &self,
        spec: &CeremonySpec,
        out: &Path,
    ) -> Result<(Parameters, String), String> {
        let last = institution_folder(u32::try_from(spec.rows.len()).unwrap_or(u32::MAX));
        let first = institution_folder(1);
        if self.requests.is_empty() {
            let ceremony = Ceremony::hold(spec, &mut OsRng).map_err(|error| error.to_string())?;
            ceremony.write(out).map_err(|error| error.to_string())?;
            let text = format!(
                "hand out coordinator/ and {first} to {last}, then delete them there\nwarning: all keys were made here, for a \
                 simulation: whoever has had a folder can sign as its party"
            );
            return Ok((ceremony.parameters, text));
        }
        let path = self.coordinator.as_deref();
        let path = path.ok_or(
            "--coordinator and --coordinator-fingerprint: give the coordinator's request, and what was read out",
        )?;
        let fingerprint = self.coordinator_fingerprint.as_ref();
        let fingerprint = fingerprint.map_or_else(|| Err(self.not_read_out(path)), Ok)?;
        let coordinator = asked(path, fingerprint, PartyRole::Coordinator)?;
        let institutions = all_asked(&self.requests, &self.fingerprints)?;
        let founding = Founding::hold(spec, &coordinator, &institutions, &mut OsRng)
            .map_err(|error| error.to_string())?;
        founding.write(out).map_err(|error| error.to_string())?;
        let text = format!(
            "send coordinator/ and each folder of {INSTITUTIONS}/ to its party, by any way: nothing in them is secret. They are \
             for `consilium-coordinator install` and `consilium-client install`, which show the chain: have everyone compare it"
        );
        Ok((founding.authority.parameters, text))
    }

    /// What to ask everybody for, where the coordinator's fingerprint is missing, and the institutions' may be.
    fn not_read_out(&self, coordinator: &Path) -> String {
        let name = |path: &Path, role| {
            let request = PartyRequest::load(path, role);
            request.map_or_else(|error| error.to_string(), |request| request.name().to_owned())
        };
        let hub = name(coordinator, PartyRole::Coordinator);
        let hub = format!("--coordinator-fingerprint with that of {hub}");
        let institutions = if self.fingerprints.len() == self.requests.len() {
            String::new()
        } else {
            let names = self.requests.iter().map(|path| name(path, PartyRole::Institution));
            let names: Vec<String> = names.collect();
            format!("--fingerprint with those of {}, in this order, and ", names.join(", "))
        };
        format!(
            "give {institutions}{hub}: have each party read out to you the fingerprint that `request` has shown it"
        )
    }
}

/// Requests of institutions, each with the fingerprint that was read out for it.
pub(super) fn all_asked(
    requests: &[PathBuf],
    fingerprints: &[String],
) -> Result<Vec<Asked>, String> {
    if requests.len() != fingerprints.len() {
        return Err(format!(
            "--fingerprint: {} given for {} requests; have the author of each request read its fingerprint to you, and give \
             them in the order of the requests",
            fingerprints.len(),
            requests.len(),
        ));
    }
    let pairs = requests.iter().zip(fingerprints);
    pairs.map(|(path, fingerprint)| asked(path, fingerprint, PartyRole::Institution)).collect()
}

fn asked(path: &Path, fingerprint: &str, role: PartyRole) -> Result<Asked, String> {
    let request = PartyRequest::load(path, role).map_err(|error| error.to_string())?;
    Ok(Asked { request, fingerprint: fingerprint.to_owned() })
}
