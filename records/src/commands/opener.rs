//! The opener's commands, and everyone's judgement of what it says.

use std::path::PathBuf;

use clap::Subcommand;
use consilium_cli::Failure;
use consilium_exchange::group_signature::Verdict;
use consilium_identity::{disk, write_file};
use consilium_proto::{decode, v1::OpeningProof};
use consilium_records::{
    opener::{open, verify},
    party::Role,
};
use prost::Message as _;

use super::session::{Place, hash, run};

/// Longest proof, in bytes.
const MAX_PROOF: usize = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Opener {
    /// Says which member has signed a request, and writes the proof. The ledger does not show that a signature was opened.
    Open {
        #[command(flatten)]
        place: Place,
        /// The request: SHA-256 of its sealed bytes, as `requester ask` and `owner requests` show it.
        #[arg(value_parser = hash)]
        request: [u8; 32],
        /// File to write the proof to; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Judges a proof, as a party of any role: nobody has to believe the opener.
    Judge {
        #[command(flatten)]
        place: Place,
        /// The proof.
        #[arg(value_name = "FILE")]
        proof: PathBuf,
    },
}

impl Opener {
    pub(crate) fn run(self) -> Result<String, Failure> {
        run(async {
            match self {
                Self::Open { place, request, out } => {
                    let session = place.open(Some(Role::Opener)).await?;
                    let ledger = session.following.ledger();
                    let proof = open(session.party(), &ledger, &request)?;
                    let verdict = verify(&ledger, &proof)?;
                    write_file(&out, &proof.encode_to_vec())?;
                    Ok(format!("{}; the proof is in {}\n", in_words(verdict), out.display()))
                }
                Self::Judge { place, proof } => {
                    let session = place.open(None).await?;
                    let bytes = disk::read(&proof, MAX_PROOF)?;
                    let proof: OpeningProof = decode("proof of an opening", &bytes, MAX_PROOF)?;
                    let verdict = verify(&session.following.ledger(), &proof)?;
                    Ok(format!("{}\n", in_words(verdict)))
                }
            }
        })
    }
}

fn in_words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Signed(member) => format!("signed by {member}"),
        Verdict::Phantom => {
            "signed by somebody who never joined: the issuer has certified a phantom".to_owned()
        }
    }
}
