//! The one list of all kinds of transactions: what each is called, who signs it, and which wing decides it.
//!
//! Whatever differs from kind to kind is asked of this list and of the wings: nothing else matches on all actions. A new
//! kind is a message in `transaction.proto`, a line here, and a statement with its handler in its wing; the compiler
//! names each that is missing.

use consilium_proto::{
    ENTRY_BYTES, GENESIS_BYTES,
    v1::{Certificate, Genesis, transaction::Action},
};

use crate::{enrolment, exchange, keygen, round};

/// Who must have signed a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signer<'a> {
    /// The authority, whose key the genesis names.
    Authority,
    /// The coordinator, whose key the genesis names.
    Coordinator,
    /// An institution that is enrolled, named by its pseudonym.
    Institution,
    /// Whoever takes part in sharing: an institution that is enrolled, or somebody whom the authority has admitted.
    Participant,
    /// An institution that enrols, with the key in the certificate that it brings.
    Newcomer(Option<&'a Certificate>),
}

/// A transaction's action, in the hands of the wing that decides it.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// Founds a run; stands in block 0 and nowhere else.
    Genesis(&'a Genesis),
    /// About the institutions.
    Enrolment(enrolment::Statement<'a>),
    /// About the key and its committees.
    Keygen(keygen::Statement<'a>),
    /// About a round.
    Round(round::Statement<'a>),
    /// About what is shared beside the rounds.
    Exchange(exchange::Statement<'a>),
}

/// A kind of transaction.
#[derive(Debug, Clone, Copy)]
pub struct Kind<'a> {
    /// As people read it.
    pub name: &'static str,
    /// Who must have signed it.
    pub signer: Signer<'a>,
    /// The longest encoded transaction of this kind.
    pub max_bytes: usize,
    /// Whether it names a body that comes beside it.
    pub names_body: bool,
    /// The action, as its wing takes it.
    pub statement: Statement<'a>,
}

impl<'a> Kind<'a> {
    /// The kind of an action.
    pub fn of(action: &'a Action) -> Self {
        use Signer::{Authority, Coordinator, Institution, Newcomer, Participant};
        use Statement::{Enrolment, Exchange, Genesis, Keygen, Round};
        use enrolment::Statement as E;
        use exchange::Statement as X;
        use keygen::Statement as K;
        use round::Statement as R;
        match action {
            Action::Genesis(it) => Self::new("Genesis", Authority, Genesis(it)).large(),

            Action::Enrol(it) => {
                let certificate = it.certificate.as_ref();
                Self::new("Enrol", Newcomer(certificate), Enrolment(E::Enrol(it)))
            }
            Action::Revoke(it) => Self::new("Revoke", Authority, Enrolment(E::Revoke(it))),
            Action::Rejoin(it) => Self::new("Rejoin", Institution, Enrolment(E::Rejoin(it))),

            Action::ChangeCommittee(it) => {
                Self::new("ChangeCommittee", Authority, Keygen(K::ChangeCommittee(it)))
            }
            Action::BeginKeygen(it) => Self::new("BeginKeygen", Coordinator, Keygen(K::Begin(it))),
            Action::EndStage(it) => Self::new("EndStage", Coordinator, Keygen(K::EndStage(it))),
            // A dealing holds a sealed share for every member.
            Action::Contribute(it) => {
                Self::new("Contribute", Institution, Keygen(K::Contribute(it))).large()
            }

            Action::Pause(it) => Self::new("Pause", Authority, Round(R::Pause(it))),
            Action::Resume(it) => Self::new("Resume", Authority, Round(R::Resume(it))),
            Action::OpenRound(it) => Self::new("OpenRound", Coordinator, Round(R::Open(it))),
            Action::SubmitUpdate(it) => {
                Self::new("SubmitUpdate", Institution, Round(R::SubmitUpdate(it))).with_body()
            }
            Action::CloseCollection(it) => {
                Self::new("CloseCollection", Coordinator, Round(R::CloseCollection(it)))
            }
            Action::Abandon(it) => Self::new("Abandon", Coordinator, Round(R::Abandon(it))),
            Action::Countersign(it) => {
                Self::new("Countersign", Institution, Round(R::Countersign(it)))
            }
            // Under a lattice mask a share has 32 bytes for each of up to 1,024 limbs.
            Action::SubmitShare(it) => {
                Self::new("SubmitShare", Institution, Round(R::SubmitShare(it))).large()
            }
            Action::CloseRound(it) => Self::new("CloseRound", Coordinator, Round(R::Close(it))),

            Action::AdmitParticipant(it) => {
                Self::new("AdmitParticipant", Authority, Exchange(X::Admit(it)))
            }
            Action::FoundGroup(it) => {
                Self::new("FoundGroup", Authority, Exchange(X::FoundGroup(it)))
            }
            Action::JoinGroup(it) => {
                Self::new("JoinGroup", Participant, Exchange(X::JoinGroup(it)))
            }
            Action::RevokeMember(it) => {
                Self::new("RevokeMember", Participant, Exchange(X::RevokeMember(it)))
            }
            Action::StoreRecord(it) => {
                Self::new("StoreRecord", Participant, Exchange(X::StoreRecord(it)))
            }
            Action::GiveConsent(it) => {
                Self::new("GiveConsent", Participant, Exchange(X::GiveConsent(it)))
            }
            Action::WithdrawConsent(it) => {
                Self::new("WithdrawConsent", Participant, Exchange(X::WithdrawConsent(it)))
            }
            Action::PostRequest(it) => {
                Self::new("PostRequest", Participant, Exchange(X::PostRequest(it)))
            }
            Action::OpenAccount(it) => {
                Self::new("OpenAccount", Participant, Exchange(X::OpenAccount(it)))
            }
            Action::Deposit(it) => Self::new("Deposit", Participant, Exchange(X::Deposit(it))),
            Action::Transfer(it) => Self::new("Transfer", Participant, Exchange(X::Transfer(it))),
            Action::Roll(it) => Self::new("Roll", Participant, Exchange(X::Roll(it))),
            Action::Rebase(it) => Self::new("Rebase", Participant, Exchange(X::Rebase(it))),
        }
    }

    fn new(name: &'static str, signer: Signer<'a>, statement: Statement<'a>) -> Self {
        Self { name, signer, max_bytes: ENTRY_BYTES, names_body: false, statement }
    }

    fn large(self) -> Self {
        Self { max_bytes: GENESIS_BYTES, ..self }
    }

    fn with_body(self) -> Self {
        Self { names_body: true, ..self }
    }
}
