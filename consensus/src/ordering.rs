//! What is ordered, and who orders it: the two traits between a node and whoever decides the next block.

use consilium_ledger::Header;

use crate::{
    certificate::{BadCertificate, Decision},
    conviction::Conviction,
    log::LogError,
    message::Message,
    validators::Seat,
};

/// What an application says of somebody else's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It follows from the chain, its entries are here and valid.
    Valid,
    /// It does not, and no entries can make it.
    Invalid,
    /// Not known yet: entries are missing or being verified. It is asked again at [`Event::Ready`].
    Pending,
}

/// What is ordered: the chain of blocks, their entries, the contract behind them.
///
/// An implementation answers from what it has, without waiting: what takes long goes on beside it, and ends with
/// [`Event::Ready`].
pub trait Application {
    /// Why it cannot go on.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>>;

    /// Whether there is anything to put into a block. An order that idles begins no height before.
    fn has_work(&self) -> bool;

    /// The header of a block at `height` on the chain that has been committed, whose entries everyone has or is being sent;
    /// `None` where there is nothing to propose. Its entries are durable here when this returns. Two calls for one height may give two headers: of two rounds.
    ///
    /// # Errors
    /// Where the node must end.
    fn propose(&mut self, height: u64, now_ms: u64) -> Result<Option<Header>, Self::Error>;

    /// Whether this header may come next. It is [`Judgement::Invalid`] only where every honest node must find the same; what
    /// hangs on clocks or on what has arrived is [`Judgement::Pending`] as long as it may change. It is [`Judgement::Valid`]
    /// only once its entries are durable here: the verdict is logged and not asked for again after a crash, and what a quorum
    /// has voted for must not be lost with the memory of its nodes.
    ///
    /// # Errors
    /// Where the node must end.
    fn judge(&mut self, header: &Header, now_ms: u64) -> Result<Judgement, Self::Error>;

    /// Makes a decided block durable, and executes it. It has been judged valid here, or it is a verified decision of others
    /// whose entries the caller has brought before ([`Event::Decided`]); then it is checked, but for its time, and not
    /// asked for. When this returns the block is found again after any crash.
    ///
    /// # Errors
    /// Where it cannot be written, or does not follow from the chain although a quorum says so. The node must end.
    fn commit(&mut self, decision: &Decision) -> Result<(), Self::Error>;
}

/// What happens to an order.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message came from this validator over a link that is its own.
    Message(Seat, Message),
    /// The application has something new: work, entries that were missing, a verdict.
    Ready,
    /// Time has passed ([`Ordering::wake_ms`]).
    Time,
    /// Somebody showed what was decided at the next height, and the application has its entries. Out of place, it is ignored.
    Decided(Decision),
}

/// What an order wants done, in this sequence. All of it may be seen by others: what it rests on is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To all other validators.
    Send(Message),
    /// The block is decided, and the application has made it durable: tell followers, answer clients.
    Decided(Decision),
    /// This validator lacks what was decided from this height on: send it decisions, with their entries.
    Serve {
        /// To whom.
        to: Seat,
        /// From which height on.
        from: u64,
    },
    /// A validator has said two things at one place.
    Convicted(Conviction),
}

/// Why an order ends. What it has sent and committed stands.
#[derive(Debug, thiserror::Error)]
pub enum ConsensusError {
    /// The application cannot go on.
    #[error("the application cannot go on: {0}")]
    Application(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The engine does not know what to do, or does what it must not.
    #[error(
        "the consensus engine failed and has said nothing since: {0}. Start the node again; it goes on from its log"
    )]
    Engine(String),
    /// A header that is decided elsewhere does not hold.
    #[error("what is shown as decided at height {height} is not: {reason}")]
    NotDecided {
        /// The height.
        height: u64,
        /// Why not.
        reason: BadCertificate,
    },
    /// An earlier call has failed.
    #[error("this node has failed before and must be started again")]
    Failed,
}

/// Who decides the next block.
///
/// An implementation says at most one thing at each place (height, round, kind), ever, whatever crashes lie between. It
/// lets nobody see a statement before its log holds it, and no decision before the application has made it durable.
pub trait Ordering<A: Application> {
    /// The height of the next block.
    fn height(&self) -> u64;

    /// When it wants [`Event::Time`], in milliseconds of the clock that `now_ms` is of. That clock must not go back.
    fn wake_ms(&self) -> Option<u64>;

    /// Takes an event and says what to do.
    ///
    /// # Errors
    /// [`ConsensusError`]. Only [`ConsensusError::NotDecided`] is the sender's fault and leaves everything as it was; after any
    /// other the order does nothing more.
    fn handle(
        &mut self,
        event: Event,
        application: &mut A,
        now_ms: u64,
    ) -> Result<Vec<Output>, ConsensusError>;
}
