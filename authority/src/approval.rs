//! Who takes part, while a run goes on: approving requests, renewing certificates, revoking, and the list of all.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_authority::{AuthorityError, AuthorityFiles, Certified, INSTITUTIONS, Listed};
use consilium_cli::Failure;
use consilium_identity::{FilesError, disk, institution_folder};
use rand_core::OsRng;

use crate::{
    delivery::{Authority, Delivery, hand_over, refused},
    parties::all_asked,
};

/// Requests that were made with `consilium-client request`.
#[derive(Args)]
pub(super) struct Requests {
    #[command(flatten)]
    authority: Authority,
    /// The requests.
    #[arg(required = true, value_name = "REQUEST")]
    requests: Vec<PathBuf>,
    /// The fingerprint of each, in the same order, as its author has read it out by another way than the file took.
    #[arg(long = "fingerprint", value_name = "FINGERPRINT")]
    fingerprints: Vec<String>,
    /// Folder in which a folder for each is created, to be sent to it [default: institutions beside the authority's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Admit {
    #[command(flatten)]
    authority: Authority,
    /// Says that this is a simulation: whoever runs this can sign as the institution. `approve` takes keys that were made at
    /// their site.
    #[arg(long, required = true)]
    make_keys_here: bool,
    /// Rows that the institution trains on, at most as many as the largest of `init`.
    #[arg(long)]
    rows: u64,
    /// Its name in pseudonyms.toml [default: institution-NN with its number].
    #[arg(long)]
    name: Option<String>,
    /// Folder to create; it must not exist [default: a folder of that name beside the authority's].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn approve(requests: &Requests, rows: &[u64]) -> Result<String, Failure> {
    let number = requests.requests.len();
    let rows: Vec<u64> = match rows {
        [rows] => vec![*rows; number],
        rows if rows.len() == number => rows.to_vec(),
        rows => {
            let given = rows.len();
            return Err(Failure::unusable(format!(
                "--rows has {given} numbers; give one for each of the {number} requests, or one for all"
            )));
        }
    };
    let mut next = rows.into_iter();
    requests.answer(|authority, asked| {
        let rows = next.next().unwrap_or_default();
        authority.approve(&asked.request, &asked.fingerprint, rows)
    })
}

pub(super) fn renew(requests: &Requests) -> Result<String, Failure> {
    requests.answer(|authority, asked| authority.renew(&asked.request, &asked.fingerprint))
}

impl Requests {
    /// Has every request certified, records that, and writes what is to be sent.
    fn answer(
        &self,
        mut certify: impl FnMut(
            &mut AuthorityFiles,
            &consilium_authority::Asked,
        ) -> Result<Certified, AuthorityError>,
    ) -> Result<String, Failure> {
        let dir = &self.authority.dir;
        let mut authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
        let asked = all_asked(&self.requests, &self.fingerprints).map_err(Failure::unusable)?;
        let out = self.out.clone().unwrap_or_else(|| dir.with_file_name(INSTITUTIONS));
        let mut answers = Vec::with_capacity(asked.len());
        for asked in &asked {
            answers.push(certify(&mut authority, asked).map_err(refused)?);
        }
        // The numbers first: a crash in between is mended by the same command, and never gives one twice.
        authority.record(dir).map_err(Failure::unusable)?;
        let mut lines = Vec::with_capacity(answers.len());
        for answer in &answers {
            let folder = out.join(&answer.name);
            write_answer(&authority, answer, &folder).map_err(Failure::unusable)?;
            let Certified { name, identity, .. } = answer;
            let number = identity.trustee_index;
            let pseudonym = identity.pseudonym;
            let folder = folder.display();
            lines.push(format!(
                "{name}: number {number}, pseudonym {pseudonym}\nsend {folder} to it, by any way: nothing in it is secret"
            ));
        }
        Ok(lines.join("\n"))
    }
}

/// Writes an answer in the place of an earlier one, of which it may be a renewal.
fn write_answer(
    authority: &AuthorityFiles,
    answer: &Certified,
    folder: &Path,
) -> Result<(), FilesError> {
    let io = |source| {
        let advice = "choose a directory that can be written";
        FilesError::Io { path: folder.to_owned(), source, advice }
    };
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    if folder.symlink_metadata().is_ok() {
        return authority.replace_answer(answer, folder);
    }
    disk::appear(folder, |partial| authority.write_answer(answer, partial))
}

/// Makes an institution's keys here.
pub(super) fn admit(
    Admit { authority: Authority { dir }, rows, name, out, .. }: Admit,
) -> Result<String, AuthorityError> {
    let mut authority = AuthorityFiles::load(&dir)?;
    let name = name.unwrap_or_else(|| institution_folder(authority.next_number()));
    let out = out.unwrap_or_else(|| dir.with_file_name(&name));
    if out.symlink_metadata().is_ok() {
        return Err(FilesError::Exists(out).into());
    }
    let files = authority.admit(&name, rows, &mut OsRng)?;
    // The number first: a crash in between wastes it, and never gives it twice.
    authority.record(&dir)?;
    files.write(&out)?;
    let number = files.identity.trustee_index;
    let pseudonym = files.identity.pseudonym;
    let out = out.display();
    Ok(format!(
        "number {number}, pseudonym {pseudonym}\nwritten to {out}: hand it to {name}, then delete it there"
    ))
}

pub(super) fn revoke(
    Authority { dir }: &Authority,
    institution: &str,
    delivery: &Delivery,
) -> Result<String, Failure> {
    let mut authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
    let signed = authority.revoke(institution).map_err(refused)?;
    authority.remember_revoked(institution).map_err(refused)?;
    // Before it is said: what is said cannot be taken back.
    authority.record(dir).map_err(Failure::unusable)?;
    hand_over(signed, delivery, &authority)
}

pub(super) fn list(Authority { dir }: &Authority) -> Result<String, Failure> {
    let authority = AuthorityFiles::load(dir).map_err(Failure::unusable)?;
    let mut lines =
        vec![format!("{:>6}  {:<24} {:>8}  {:<64}  state", "number", "name", "rows", "pseudonym")];
    lines.extend(authority.list().into_iter().map(|listed| {
        let Listed { name, number, rows, pseudonym, revoked, .. } = listed;
        let state = if revoked { "revocation signed" } else { "certified" };
        format!("{number:>6}  {name:<24} {rows:>8}  {pseudonym:<64}  {state}")
    }));
    Ok(lines.join("\n"))
}
