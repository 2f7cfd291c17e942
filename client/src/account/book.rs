//! The chain so far, by an institution's own copy of it, and what its account holds.

use std::{fmt, sync::Arc};

use consilium_audit::{follow::Follower, history::History};
use consilium_contract::CandidateTransaction;
use consilium_crypto::DiscreteLogTable;
use consilium_exchange::quantity::{
    self, Account, AccountSecret, Accounts, Deposit, QuantityError, Transfer, Wallet,
};
use consilium_hash::{ChainId, Pseudonym, TransactionHash};
use consilium_identity::InstitutionFiles;
use consilium_ledger::{Block, SealedHeader, VerifiedHeader};
use consilium_proto::v1::transaction::Action;
use serde_json::{Value, json};

use super::{
    AccountError, Order,
    folder::{Counted, Folder},
};
use crate::ClientError;

/// See the module.
pub(super) struct Book {
    pub(super) folder: Folder,
    chain_id: ChainId,
    name: Pseudonym,
    history: History,
    follower: Follower,
    /// Once there are keys.
    wallet: Option<Wallet>,
    /// Blocks below this height are in the wallet's numbers already.
    counted: u64,
    table: Arc<DiscreteLogTable>,
    /// A statement, and the block in which it has taken effect.
    watched: Option<(TransactionHash, Option<u64>)>,
}

impl Book {
    /// Reads the copy of the chain in the folder, verifying it again.
    pub(super) fn open(folder: Folder, files: &InstitutionFiles) -> Result<Self, ClientError> {
        let parameters = Arc::new(files.parameters.clone());
        let history = History::open(folder.path(), &parameters)?;
        let mut book = Self {
            chain_id: parameters.chain_id,
            name: files.identity.pseudonym,
            history,
            follower: Follower::new(Arc::clone(&parameters), files.genesis_entry.clone()),
            wallet: None,
            counted: 0,
            table: DiscreteLogTable::shared(),
            watched: in_progress(&folder)?,
            folder,
        };
        let counted = book.folder.counted()?.filter(|counted| counted.height <= book.history.len());
        book.count_from(counted.unwrap_or_default())?;
        book.replay()?;
        if !book.agrees() {
            // A count that is damaged, or of another copy of the chain: every amount is opened again.
            book.follower = Follower::new(parameters, files.genesis_entry.clone());
            book.count_from(Counted::default())?;
            book.replay()?;
        }
        Ok(book)
    }

    fn count_from(&mut self, counted: Counted) -> Result<(), ClientError> {
        let Counted { height, balance, pending } = counted;
        let secret = self.folder.secret()?;
        let wallet = |secret| Wallet::resume(self.chain_id, self.name, secret, balance, pending);
        self.wallet = secret.map(wallet);
        self.counted = height;
        Ok(())
    }

    fn replay(&mut self) -> Result<(), ClientError> {
        while let Some((block, header)) = self.history.block(self.follower.height())? {
            self.read(&block, &header)?;
        }
        Ok(())
    }

    fn read(&mut self, block: &Block, header: &VerifiedHeader) -> Result<(), ClientError> {
        let Self { follower, wallet, watched, table, name, .. } = self;
        let height = header.height;
        let mut wallet = wallet.as_mut().filter(|_| height >= self.counted);
        let taken = |_: &_, transaction: &CandidateTransaction| {
            if let Some((statement, block)) = watched
                && *statement == transaction.id()
            {
                *block = Some(height);
            }
            // An amount that does not open leaves the wallet out of step, which is found when it is compared.
            if let Some(wallet) = &mut wallet {
                let _ = follow(wallet, name, transaction, table);
            }
        };
        // A closed round is nothing to an account.
        follower.read_with(block, header, taken).map(drop)?;
        Ok(())
    }

    /// Takes the next block, or the last one again.
    pub(super) fn take(&mut self, block: &Block) -> Result<(), ClientError> {
        let header = self.history.record(block)?;
        if header.height == self.follower.height() {
            self.read(block, &header)?;
        }
        Ok(())
    }

    /// Compares what the coordinator calls its last block with what it has shown before.
    pub(super) fn compare(&mut self, head: &SealedHeader) -> Result<(), ClientError> {
        Ok(self.history.compare(head)?)
    }

    /// The blocks on disk, and then what the account holds by them.
    pub(super) fn flush(&mut self) -> Result<(), ClientError> {
        self.history.flush().wait()?;
        let height = self.follower.height();
        if let Some(wallet) = self.wallet.as_ref().filter(|_| self.agrees()) {
            let counted = Counted { height, balance: wallet.balance(), pending: wallet.pending() };
            self.folder.keep_counted(&counted)?;
        }
        Ok(())
    }

    /// The last block, to be shown to the coordinator.
    pub(super) fn head(&self) -> Option<SealedHeader> {
        self.history.chain().head().map(|head| *head.sealed())
    }

    /// Blocks read so far.
    pub(super) fn height(&self) -> u64 {
        self.follower.height()
    }

    /// Whether the institution is part of the run.
    pub(super) fn is_enrolled(&self) -> bool {
        self.follower.roster().get(&self.name).is_some()
    }

    /// All accounts.
    pub(super) fn accounts(&self) -> &Accounts {
        self.follower.exchange().accounts()
    }

    fn agrees(&self) -> bool {
        match (&self.wallet, self.accounts().get(&self.name)) {
            (Some(wallet), Some(account)) => wallet.compare(account).is_ok(),
            _ => true,
        }
    }

    /// The keys, made and on disk.
    pub(super) fn with_keys(
        &mut self,
        generate: impl FnOnce() -> Result<AccountSecret, QuantityError>,
    ) -> Result<&Wallet, AccountError> {
        if self.wallet.is_none() {
            let secret = generate()?;
            self.folder.keep_secret(&secret).map_err(ClientError::from)?;
            self.wallet = Some(Wallet::new(self.chain_id, self.name, secret));
        }
        self.wallet.as_ref().ok_or(AccountError::NoAccount)
    }

    /// The institution's account, and the wallet that holds its keys.
    pub(super) fn own(&self) -> Result<(&Wallet, &Account), AccountError> {
        let account = self.accounts().get(&self.name).ok_or(AccountError::NoAccount)?;
        let wallet = self.wallet.as_ref().ok_or(AccountError::LostKeys)?;
        wallet.compare(account)?;
        Ok((wallet, account))
    }

    /// Looks out for a statement in the blocks to come.
    pub(super) fn watch(&mut self, statement: TransactionHash) {
        self.watched = Some((statement, None));
    }

    /// The block in which the statement that is watched for has taken effect.
    pub(super) fn found(&self) -> Option<u64> {
        self.watched.and_then(|(_, height)| height)
    }

    /// What `status` shows.
    pub(super) fn holding(&self) -> Result<Holding, AccountError> {
        let account = match self.own() {
            Ok((wallet, account)) => Some(OpenAccount {
                balance: wallet.balance(),
                pending: wallet.pending(),
                sequence: account.sequence(),
                credits: account.total_credits(),
            }),
            Err(AccountError::NoAccount) => None,
            Err(error) => return Err(error),
        };
        let stated = self.folder.stated().map_err(ClientError::from)?;
        Ok(Holding {
            name: self.name,
            blocks: self.follower.height(),
            account,
            others: self
                .accounts()
                .iter()
                .map(|(name, _)| *name)
                .filter(|it| *it != self.name)
                .collect(),
            in_progress: stated.map(|stated| stated.order),
        })
    }
}

/// The statement of an order that an earlier command has begun.
fn in_progress(folder: &Folder) -> Result<Option<(TransactionHash, Option<u64>)>, ClientError> {
    let Some(stated) = folder.stated()? else { return Ok(None) };
    let statement = CandidateTransaction::parse(stated.signed)?;
    Ok(Some((statement.id(), None)))
}

/// Follows a statement that has taken effect.
fn follow(
    wallet: &mut Wallet,
    own: &Pseudonym,
    transaction: &CandidateTransaction,
    table: &DiscreteLogTable,
) -> Result<(), QuantityError> {
    let Some(author) = transaction.author() else { return Ok(()) };
    let action = match transaction.action() {
        Action::Deposit(it) => quantity::Action::Deposit(Deposit::decode(&it.deposit)?),
        Action::Transfer(it) => quantity::Action::Transfer(Transfer::decode(&it.transfer)?),
        Action::Roll(_) if author == *own => {
            wallet.rolled();
            return Ok(());
        }
        _ => return Ok(()),
    };
    wallet.follow(&author, &action, table)
}

/// Where an institution's account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The institution.
    pub name: Pseudonym,
    /// Verified blocks.
    pub blocks: u64,
    /// Its account, once it is open.
    pub account: Option<OpenAccount>,
    /// The others who have one.
    pub others: Vec<Pseudonym>,
    /// An order that was begun, and of which the chain does not show yet what became.
    pub in_progress: Option<Order>,
}

/// What only its institution knows of an account, and what everybody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAccount {
    /// Units that can be sent.
    pub balance: u64,
    /// Units that have come in and are not rolled in.
    pub pending: u64,
    /// Number of the next statement.
    pub sequence: u64,
    /// Amounts in it since it was last rebased; 65,536 at most.
    pub credits: u32,
}

impl Holding {
    /// For scripts.
    pub fn to_json(&self) -> Value {
        let account = self.account.map(|account| {
            let OpenAccount { balance, pending, sequence, credits } = account;
            json!({ "balance": balance, "pending": pending, "sequence": sequence, "credits": credits })
        });
        let others: Vec<String> = self.others.iter().map(ToString::to_string).collect();
        json!({
            "institution": self.name.to_string(),
            "blocks": self.blocks,
            "account": account,
            "others": others,
            "in_progress": self.in_progress.map(|order| order.to_string()),
        })
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "institution     {}", self.name)?;
        writeln!(f, "verified blocks {}", self.blocks)?;
        match &self.account {
            None => writeln!(f, "account         none")?,
            Some(OpenAccount { balance, pending, sequence, credits }) => {
                writeln!(f, "balance         {balance}")?;
                writeln!(f, "waiting         {pending}, until `account roll`")?;
                writeln!(f, "next statement  {sequence}")?;
                writeln!(f, "credits         {credits} of 65536")?;
            }
        }
        if let Some(order) = &self.in_progress {
            writeln!(f, "in progress     to {order}")?;
        }
        self.others.iter().try_for_each(|name| writeln!(f, "also            {name}"))
    }
}
