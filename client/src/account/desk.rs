//! Orders about an account, carried out: each statement made once, kept, sent, and looked for on the chain.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use consilium_contract::{CandidateTransaction, transaction::sign};
use consilium_exchange::quantity::{self, AccountSecret, Deposit, DepositRequest, Wallet};
use consilium_hash::Pseudonym;
use consilium_identity::InstitutionFiles;
use consilium_ledger::sha256;
use consilium_proto::v1::{self, Reason, transaction::Action};
use rand_core::OsRng;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::{AccountError, Holding, Order, book::Book, folder::Folder, order::Stated};
use crate::{ClientError, Connector, connection::Connection};

/// How long the next block of those that are there may take.
const BLOCK_DEADLINE: Duration = Duration::from_secs(30);
/// A receipt comes once its block is sealed: after a minute at the latest, as coordinators are usually run.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(150);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// An order that the chain shows to have taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// What was asked for.
    pub order: Order,
    /// The block that its statement stands in.
    pub height: u64,
    /// Whether an earlier command had begun it, which this one has finished.
    pub was_begun: bool,
}

/// An institution's account, and the way to the ledger.
pub struct Desk {
    files: InstitutionFiles,
    book: Book,
    connector: Box<dyn Connector>,
    patience: Duration,
    earlier: Option<Done>,
}

impl Desk {
    /// Opens the account's folder in a state directory, from which nothing is sent yet.
    ///
    /// # Errors
    /// [`AccountError::Client`]: files that cannot be used, or another command at work on them.
    pub fn open(
        files: InstitutionFiles,
        state: &Path,
        connector: Box<dyn Connector>,
        patience: Duration,
    ) -> Result<Self, AccountError> {
        let book = Book::open(Folder::open(state)?, &files)?;
        Ok(Self { files, book, connector, patience, earlier: None })
    }

    /// Where the account stands, by the blocks read so far.
    ///
    /// # Errors
    /// [`AccountError::LostKeys`], [`AccountError::Rule`] where the account holds something else than is counted.
    pub fn holding(&self) -> Result<Holding, AccountError> {
        self.book.holding()
    }

    /// Another order than the one asked for, which an earlier command had begun and this one has finished first.
    pub fn earlier(&self) -> Option<&Done> {
        self.earlier.as_ref()
    }

    /// Reads everything up to what the coordinator calls its last block.
    ///
    /// # Errors
    /// [`AccountError::Client`] where it is not reached, or shows what does not hold.
    pub async fn catch_up(&mut self) -> Result<(), AccountError> {
        let start = Instant::now();
        loop {
            match self.catch_up_once().await {
                Err(error) if error.is_transient() && start.elapsed() < self.patience => {
                    debug!(%error, "the coordinator is tried again");
                    sleep(PAUSE).await;
                }
                other => return Ok(other?),
            }
        }
    }

    async fn catch_up_once(&mut self) -> Result<(), ClientError> {
        let mut connection = self.connect().await?;
        // Its own last block comes again, and must be the same.
        let from = self.book.height().saturating_sub(1);
        let last = self.book.head();
        let mut blocks = connection.subscribe(from, last.as_ref(), None).await?;
        let head = connection.head(0).await?.header;
        self.book.compare(&head)?;
        while self.book.height() <= head.header.height {
            let late = |_| ClientError::Unreachable("its blocks end before its head".to_owned());
            let (block, _) = timeout(BLOCK_DEADLINE, blocks.next()).await.map_err(late)??;
            self.book.take(&block)?;
        }
        self.book.flush()
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        Connection::open(self.connector.as_ref(), &self.files.parameters).await
    }

    fn name(&self) -> &Pseudonym {
        &self.files.identity.pseudonym
    }

    /// Opens the account, with keys made here.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn open_account(&mut self) -> Result<Done, AccountError> {
        self.carry_out(Order::Open, |desk| {
            if desk.book.accounts().get(desk.name()).is_some() {
                return Err(AccountError::HasAccount);
            }
            let generate = || Ok(AccountSecret::generate(&mut OsRng)?);
            let registration = desk.book.with_keys(generate)?.register(&mut OsRng).encode();
            Ok(Action::OpenAccount(v1::OpenAccount { registration }))
        })
        .await
    }

    /// What the authority is to see of a deposit, so that it signs for it. Nothing is sent, and nothing kept here.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn ask_for_deposit(&self, amount: u32) -> Result<DepositRequest, AccountError> {
        let (wallet, account) = self.book.own()?;
        let deposit = wallet.deposit(account, amount, &mut OsRng)?;
        let chain_id = self.files.parameters.chain_id;
        Ok(DepositRequest::new(chain_id, *self.name(), *account.keys(), deposit))
    }

    /// Makes a deposit that the authority has signed.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn deposit(&mut self, deposit: Deposit) -> Result<Done, AccountError> {
        let bytes = deposit.encode();
        self.carry_out(Order::Deposit(sha256(&bytes)), |desk| {
            let (_, account) = desk.book.own()?;
            let expected = account.sequence();
            let found = deposit.sequence();
            if found != expected {
                return Err(AccountError::OldDeposit { expected, found });
            }
            // A false one would cost a credit.
            let action = quantity::Action::Deposit(deposit);
            desk.book.accounts().claim(desk.name(), action)?.verify()?;
            Ok(Action::Deposit(v1::Deposit { deposit: bytes }))
        })
        .await
    }

    /// Sends units to another institution's account.
    ///
    /// # Errors
    /// [`AccountError`]; [`AccountError::Rule`] where there are not so many.
    pub async fn transfer(&mut self, to: Pseudonym, amount: u32) -> Result<Done, AccountError> {
        self.carry_out(Order::Transfer { to, amount }, |desk| {
            let (wallet, account) = desk.book.own()?;
            let receiver = desk.book.accounts().get(&to).ok_or(AccountError::NoReceiver(to))?;
            let transfer = wallet.transfer(account, (&to, receiver), amount, &mut OsRng)?;
            Ok(Action::Transfer(v1::Transfer { transfer: transfer.encode() }))
        })
        .await
    }

    /// Makes what has come in part of the balance.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn roll(&mut self) -> Result<Done, AccountError> {
        self.carry_out(Order::Roll, |desk| {
            let (wallet, account) = desk.book.own()?;
            if wallet.pending() == 0 {
                return Err(AccountError::NothingWaits);
            }
            let roll = Wallet::roll(wallet, account).encode().to_vec();
            Ok(Action::Roll(v1::Roll { roll }))
        })
        .await
    }

    /// Proves that the balance is below 2^32, so that credits count from one again.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn rebase(&mut self) -> Result<Done, AccountError> {
        self.carry_out(Order::Rebase, |desk| {
            let (wallet, account) = desk.book.own()?;
            let rebase = wallet.rebase(account, &mut OsRng)?.encode();
            Ok(Action::Rebase(v1::Rebase { rebase }))
        })
        .await
    }

    /// Forgets the statement of an order that is done. After its result has been shown: whoever is stopped before that asks
    /// again, and is told of the same one.
    ///
    /// # Errors
    /// [`AccountError::Client`].
    pub fn forget(&self) -> Result<(), AccountError> {
        Ok(self.book.folder.forget_stated().map_err(ClientError::from)?)
    }

    /// Carries out an order. What a crash between these steps means:
    ///
    /// 1. The chain is read to its end. Nothing has been said.
    /// 2. An order that was begun is finished first, with the bytes on disk. If it is the same, that is all.
    /// 3. The statement is made from what the account holds, and is on disk. The same command finds it there and sends it.
    /// 4. It is sent until the chain shows it. Sent twice, it takes effect once: its sequence number is used up.
    async fn carry_out(
        &mut self,
        order: Order,
        make: impl FnOnce(&mut Self) -> Result<Action, AccountError>,
    ) -> Result<Done, AccountError> {
        self.catch_up().await?;
        if let Some(stated) = self.book.folder.stated().map_err(ClientError::from)? {
            let height = self.deliver(&stated).await?;
            let done = Done { order: stated.order, height, was_begun: true };
            if stated.order == order {
                return Ok(done);
            }
            self.forget()?;
            self.earlier = Some(done);
        }
        if !self.book.is_enrolled() {
            return Err(AccountError::NotEnrolled);
        }
        let action = make(self)?;
        let chain_id = &self.files.parameters.chain_id;
        let signed = sign(&self.files.signing, chain_id, Some(self.name()), action);
        let stated = Stated { order, signed };
        self.book.folder.keep_stated(&stated).map_err(ClientError::from)?;
        let statement =
            CandidateTransaction::parse(stated.signed.clone()).map_err(ClientError::from)?;
        self.book.watch(statement.id());
        let height = self.deliver(&stated).await?;
        Ok(Done { order, height, was_begun: false })
    }

    /// Sends a statement that is on disk until the chain shows it, or the contract has refused it for good; its height.
    async fn deliver(&mut self, stated: &Stated) -> Result<u64, AccountError> {
        let start = Instant::now();
        loop {
            if let Some(height) = self.book.found() {
                return Ok(height);
            }
            let answer = self.say(stated).await;
            // Whatever the answer: an earlier sending of the same bytes may have taken effect meanwhile.
            self.catch_up().await?;
            if let Some(height) = self.book.found() {
                return Ok(height);
            }
            match answer {
                Err(error) if !error.is_transient() => return Err(error.into()),
                Ok(reason) if reason != Reason::Accepted => {
                    self.forget()?;
                    return Err(AccountError::Refused { what: stated.order.to_string(), reason });
                }
                other => debug!(?other, "the chain does not show the statement yet"),
            }
            if start.elapsed() >= self.patience {
                let seconds = self.patience.as_secs();
                return Err(AccountError::Waited { what: stated.order.to_string(), seconds });
            }
            sleep(PAUSE).await;
        }
    }

    async fn say(&self, stated: &Stated) -> Result<Reason, ClientError> {
        let mut connection = self.connect().await?;
        let answered = connection.say(stated.signed.clone(), RECEIPT_DEADLINE).await?;
        Ok(answered.receipt.reason)
    }
}
