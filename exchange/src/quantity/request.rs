//! What an institution shows the authority of a deposit that it asks for: over a channel that keeps secrets, because the
//! amount is in it.

use std::fmt;

use consilium_crypto::building_blocks::Reader;
use consilium_crypto::{DecodeError, SigningKey};
use consilium_hash::{ChainId, Pseudonym};
use zeroize::Zeroizing;

use super::QuantityError;
use super::deposit::{Deposit, DepositOpening, UnapprovedDeposit};
use super::keys::AccountKeys;

/// A deposit with its opening, and whose it is. Nothing of it is verified.
pub struct DepositRequest {
    chain_id: ChainId,
    author: Pseudonym,
    keys: AccountKeys,
    content: UnapprovedDeposit,
    opening: DepositOpening,
}

impl DepositRequest {
    /// Length of the encoding, in bytes.
    pub const LEN: usize =
        32 + 32 + AccountKeys::LEN + UnapprovedDeposit::LEN + DepositOpening::LEN;

    /// Of an institution, for its account with these keys.
    pub fn new(
        chain_id: ChainId,
        author: Pseudonym,
        keys: AccountKeys,
        (content, opening): (UnapprovedDeposit, DepositOpening),
    ) -> Self {
        Self { chain_id, author, keys, content, opening }
    }

    /// Who says that it is its deposit.
    pub fn author(&self) -> &Pseudonym {
        &self.author
    }

    /// The run that it is for.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The amount that its opening says.
    pub fn amount(&self) -> u32 {
        self.opening.amount()
    }

    /// The authority's signature, for an author and an amount that it has seen.
    ///
    /// Under other keys than the account's the ciphertext is none of that account, and the deposit's proof does not hold.
    ///
    /// # Errors
    /// [`QuantityError::WrongOpening`] where the deposit holds something else.
    pub fn approve(self, authority: &SigningKey) -> Result<Deposit, QuantityError> {
        let Self { chain_id, author, keys, content, opening } = self;
        content.approve(&chain_id, &author, &keys, &opening, authority)
    }

    /// Chain id ‖ author ‖ keys ‖ deposit ‖ opening, secret.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        bytes.extend(self.chain_id.as_slice());
        bytes.extend(self.author.as_slice());
        bytes.extend(self.keys.encode());
        bytes.extend(self.content.encode());
        bytes.extend(self.opening.encode().as_slice());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("request for a deposit", bytes, Self::LEN)?;
        let chain_id = ChainId(reader.array()?);
        let author = Pseudonym(reader.array()?);
        let keys = AccountKeys::read(&mut reader)?;
        let content = UnapprovedDeposit::decode(reader.take(UnapprovedDeposit::LEN)?)?;
        let opening = DepositOpening::decode(reader.take(DepositOpening::LEN)?)?;
        Ok(Self { chain_id, author, keys, content, opening })
    }
}

impl fmt::Debug for DepositRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DepositRequest(of {:?}, redacted)", self.author)
    }
}
