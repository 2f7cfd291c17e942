//! Whose run it is: parties that have made their keys and asked, or parties whose keys are made here.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_authority::{
    Asked, AuthorityFiles, Ceremony, CeremonySpec, Founding, INSTITUTIONS, Known,
};
use consilium_contract::Parameters;
use consilium_identity::{PartyRequest, institution_folder};
use consilium_proto::v1::PartyRole;
use rand_core::OsRng;

#[derive(Args)]
pub(super) struct Parties {
    /// Found the next run on an earlier one, whose `authority` folder this is: the same authority, the same coordinator and the
    /// institutions that it knows, with the keys that they have. Nobody makes a key or reads out a fingerprint again. Whoever is
    /// revoked there is left out, for good. Settings are given anew, and nothing of the chain is taken over.
    #[arg(long, value_name = "DIR", conflicts_with = "institutions")]
    from: Option<PathBuf>,
    /// Of the institutions that --from knows, these alone, in the order of their numbers in the new run.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "from")]
    only: Vec<String>,
    /// Request of each institution (`consilium-client request`), in the order of their numbers; after those of --from.
    #[arg(long = "institution", value_name = "REQUEST", num_args = 1..)]
    requests: Vec<PathBuf>,
    /// Fingerprints of these requests, in the same order, as their authors have read them out by another way than the files
    /// took.
    #[arg(long = "fingerprint", value_name = "FINGERPRINT", num_args = 1.., requires = "requests")]
    fingerprints: Vec<String>,
    /// Request of the coordinator (`consilium-coordinator request`). With --from: of another one than before.
    #[arg(long, value_name = "REQUEST", conflicts_with = "institutions")]
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
    /// Whom the earlier run knows, if there is one.
    pub(super) fn known(&self) -> Result<Option<Known>, String> {
        let Some(earlier) = &self.from else { return Ok(None) };
        let earlier = AuthorityFiles::load(earlier).map_err(|error| format!("--from: {error}"))?;
        Known::of(&earlier, &self.only).map(Some).map_err(|error| error.to_string())
    }

    /// Rows of each institution, out of what was given for them; those of the earlier run where nothing was.
    pub(super) fn rows(&self, given: &[u64], known: Option<&Known>) -> Result<Vec<u64>, String> {
        let asking = self.requests.len();
        let number = match (known, self.institutions) {
            (Some(known), _) => known.names().len() + asking,
            (None, Some(institutions)) => institutions as usize,
            (None, None) if asking > 0 => asking,
            (None, None) => {
                return Err(
                    "whose run is it? Give the request of each institution with --institution, and the coordinator's with \
                     --coordinator; --from for the parties of an earlier run; or --institutions N for a simulation, where this \
                     program makes everybody's keys"
                        .to_owned(),
                );
            }
        };
        match (given, known) {
            ([], Some(known)) if asking == 0 => Ok(known.rows().collect()),
            ([rows], _) => Ok(vec![*rows; number]),
            (rows, _) if rows.len() == number => Ok(rows.to_vec()),
            (rows, _) => {
                let given = rows.len();
                let whose = known.map_or_else(String::new, |known| {
                    let names: Vec<&str> = known.names().collect();
                    format!(" ({} of --from, then those who ask)", names.join(", "))
                });
                Err(format!(
                    "--rows has {given} numbers; give one for each of the {number} institutions{whose}, or one for all"
                ))
            }
        }
    }

    /// Founds the run and writes its directory; what is in it, and what to do with that.
    pub(super) fn found(
        &self,
        known: Option<Known>,
        spec: &CeremonySpec,
        out: &Path,
    ) -> Result<(Parameters, String), String> {
        let last = institution_folder(u32::try_from(spec.rows.len()).unwrap_or(u32::MAX));
        let first = institution_folder(1);
        if let Some(known) = known {
            return self.found_again(known, spec, out);
        }
        if self.requests.is_empty() {
            let ceremony = Ceremony::hold(spec, &mut OsRng).map_err(|error| error.to_string())?;
            ceremony.write(out).map_err(|error| error.to_string())?;
            let text = format!(
                "hand out coordinator/ and {first} to {last}, then delete them there\nwarning: all keys were made here, for a \
                 simulation: whoever has had a folder can sign as its party"
            );
            return Ok((ceremony.parameters, text));
        }
        let coordinator = self.coordinator()?.ok_or(
            "--coordinator and --coordinator-fingerprint: give the coordinator's request, and what was read out",
        )?;
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

    /// The same on whom an earlier run knows.
    fn found_again(
        &self,
        known: Known,
        spec: &CeremonySpec,
        out: &Path,
    ) -> Result<(Parameters, String), String> {
        let names = known.names().collect::<Vec<_>>().join(", ");
        let revoked = known.revoked().collect::<Vec<_>>().join(", ");
        let coordinator = self.coordinator()?;
        let joining = all_asked(&self.requests, &self.fingerprints)?;
        let founding = Founding::again(spec, known, coordinator.as_ref(), &joining, &mut OsRng)
            .map_err(|error| error.to_string())?;
        founding.write(out).map_err(|error| error.to_string())?;
        let mut text = format!(
            "send coordinator/ and each folder of {INSTITUTIONS}/ to its party, by any way: nothing in them is secret. Whom the earlier \
             run knows ({names}, the coordinator) puts it beside that run with `install --ceremony NEW-FOLDER --from ANSWER --keys-of \
             FOLDER-OF-THE-EARLIER-RUN`"
        );
        if !revoked.is_empty() {
            text += &format!("\nleft out, for they were revoked: {revoked}");
        }
        Ok((founding.authority.parameters, text))
    }

    /// The coordinator that asks, if one does.
    fn coordinator(&self) -> Result<Option<Asked>, String> {
        let Some(path) = &self.coordinator else { return Ok(None) };
        let fingerprint = self.coordinator_fingerprint.as_ref();
        let fingerprint = fingerprint.map_or_else(|| Err(self.not_read_out(path)), Ok)?;
        asked(path, fingerprint, PartyRole::Coordinator).map(Some)
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
