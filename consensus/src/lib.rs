//! Who decides the next block: one validator alone, or several of whom fewer than a third may be dead or hostile.
//!
//! An [`Application`] has blocks to propose, judges those of others and makes the decided ones durable; an [`Ordering`]
//! decides which. [`Solo`] is one validator that signs alone. [`Bft`] is the Tendermint core of the crate
//! `arc-malachitebft-core-consensus`, in a shell of ours: what is signed and how, the write-ahead log, timers, evidence,
//! catching up. With one validator both decide the same values under the same certificates.
//!
//! What this crate must not be used for: a [`Certificate`] says that a quorum stands by a header, not that its entries are
//! right; only the contract, applied to them, says that. And it is no program yet: nothing here opens a socket or asks a
//! clock, and the coordinator does not use it.
//!
//! | file | concept |
//! | --- | --- |
//! | `ordering` | the two traits, what happens to an order and what it wants done |
//! | `solo` | one validator |
//! | `bft` | several: heights, verdicts, decisions, catching up |
//! | `standing` | whether a node votes, and why not |
//! | `shell` | what the engine asks for: signatures, log, timers, messages |
//! | `context` | the engine's words for ours |
//! | `validators` | the validators of a height, and how many are enough |
//! | `statement` | proposals and votes, and what exactly is signed |
//! | `certificate` | that a header is decided |
//! | `conviction` | two statements of one validator at one place, as evidence |
//! | `witness` | every statement verified once; who contradicts whom, and whether somebody speaks with this node's key |
//! | `message` | what nodes send each other |
//! | `log`, `log_file`, `record` | the write-ahead log: layout and torn tails, its file, what its records mean |
//! | `timers` | how long others are waited for, as data |
//! | `bytes`, `malformed` | reading bytes that nobody has checked |
//!
//! # What a node must keep
//!
//! A validator never says two things at one place (height, round, kind), whatever crashes lie between. That hangs on its log:
//! [`Log::found`] makes it once, before the key signs anything, [`Log::open`] finds it at every start, and without it a node
//! follows and does not vote ([`Standing`]).
//!
//! All integers in encodings are big-endian.
//!
//! One validator, as a node runs it:
//!
//! ```
//! # use std::convert::Infallible;
//! # use consilium_consensus::*;
//! # use consilium_hash::{BlockHash, ChainId, MerkleRoot, StateRoot};
//! # use consilium_ledger::{Header, HEADER_VERSION};
//! # struct Three(u64);
//! # impl Application for Three {
//! #     type Error = Infallible;
//! #     fn has_work(&self) -> bool { self.0 < 3 }
//! #     fn propose(&mut self, height: u64, time_ms: u64) -> Result<Option<Header>, Infallible> {
//! #         let (previous, history_root) = (BlockHash([0; 32]), MerkleRoot([0; 32]));
//! #         Ok(Some(Header { version: HEADER_VERSION, height, previous, time_ms, history_root,
//! #             entries_root: history_root, state_root: StateRoot([0; 32]), count: 1 }))
//! #     }
//! #     fn judge(&mut self, _: &Header, _: u64) -> Result<Judgement, Infallible> { Ok(Judgement::Valid) }
//! #     fn commit(&mut self, decision: &Decision) -> Result<(), Infallible> { self.0 = decision.header.height + 1; Ok(()) }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (key, mut application) = (ed25519_dalek::SigningKey::from_bytes(&[7; 32]), Three(0));
//! let chain_id = ChainId([1; 32]);
//! let validators = ValidatorSet::new(vec![key.verifying_key()])?;
//! let mut solo = Solo::new(chain_id, key, 0);
//! let outputs = solo.handle(Event::Ready, &mut application, 1_700_000_000_000)?;
//! assert_eq!(outputs.len(), 3);
//! for output in outputs {
//!     let Output::Decided(Decision { header, certificate }) = output else { unreachable!() };
//!     certificate.verify(&header, &chain_id, &validators)?;
//! }
//! # Ok(())
//! # }
//! ```

mod bft;
mod bytes;
mod certificate;
mod context;
mod conviction;
mod log;
mod log_file;
mod malformed;
mod message;
mod ordering;
mod record;
mod shell;
mod solo;
mod standing;
mod statement;
#[cfg(test)]
mod testing;
mod timers;
mod validators;
mod witness;

pub use bft::{Bft, Settings};
pub use certificate::{BadCertificate, Certificate, Decision, MAX_CERTIFICATE_BYTES};
pub use conviction::Conviction;
pub use log::{Binding, Log, LogError, Storage};
pub use log_file::LogFile;
pub use malformed::Malformed;
pub use message::{MAX_MESSAGE_BYTES, Message, Quorum, RoundChange};
pub use ordering::{Application, ConsensusError, Event, Judgement, Ordering, Output};
pub use solo::Solo;
pub use standing::Standing;
pub use statement::{Kind, Place, SignatureBytes, Signed, Statement};
pub use timers::Pace;
pub use validators::{MAX_VALIDATORS, Seat, SetError, ValidatorSet};
