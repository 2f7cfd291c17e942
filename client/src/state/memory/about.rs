//! What a record of the memory is about.

use consilium_hash::{ChainId, OathHash};

use super::journal::{PAYLOAD, Payload};

/// A place in the succession of committees: an attempt at the committee of a number. Attempts of one number are never
/// counted anew, so a place is one ceremony of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the committee.
    pub number: u32,
    /// The attempt at it.
    pub attempt: u32,
}

impl Place {
    /// After every attempt at the committee of this number.
    pub const fn standing(number: u32) -> Self {
        Self { number, attempt: u32::MAX }
    }
}

/// What a record is about: of each there is one, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum About {
    /// The countersigned block of a step.
    Step(u64),
    /// The qualified dealings that this institution answers for in an attempt.
    Dealings(Place),
    /// The committee of a number.
    Committee(u32),
    /// The secrets of an attempt.
    Secrets(Place),
    /// What was said up to this place is not known.
    Lost(Place),
    /// The memory has been compared with the chain.
    Begun,
}

impl About {
    /// The attempt that it is of, where it is of one.
    pub(super) fn place(self) -> Option<Place> {
        match self {
            Self::Dealings(place) | Self::Secrets(place) | Self::Lost(place) => Some(place),
            Self::Step(_) | Self::Committee(_) | Self::Begun => None,
        }
    }

    fn encode(self) -> [u8; 9] {
        let of = |place: Place| u64::from(place.number) << 32 | u64::from(place.attempt);
        let (kind, number) = match self {
            Self::Step(step) => (0, step),
            Self::Dealings(place) => (1, of(place)),
            Self::Committee(number) => (2, u64::from(number)),
            Self::Secrets(place) => (3, of(place)),
            Self::Lost(place) => (4, of(place)),
            Self::Begun => (5, 0),
        };
        let mut bytes = [kind; 9];
        bytes.iter_mut().skip(1).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }

    fn decode(bytes: &[u8; 9]) -> Option<Self> {
        let (kind, number) = bytes.split_first_chunk::<1>()?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let place = Place { number: (number >> 32) as u32, attempt: number as u32 };
        match (kind, place.number) {
            ([0], _) => Some(Self::Step(number)),
            ([1], _) => Some(Self::Dealings(place)),
            ([2], 0) => Some(Self::Committee(place.attempt)),
            ([3], _) => Some(Self::Secrets(place)),
            ([4], _) => Some(Self::Lost(place)),
            ([5], 0) if place.attempt == 0 => Some(Self::Begun),
            _ => None,
        }
    }
}

/// The record: chain ‖ what it is about ‖ hash.
pub(super) fn payload(chain: &ChainId, about: About, hash: &OathHash) -> Payload {
    let mut payload = [0; PAYLOAD];
    let fields = chain.0.iter().copied().chain(about.encode()).chain(hash.0);
    payload.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    payload
}

/// Reads [`payload`].
pub(super) fn parse(payload: &Payload) -> Option<(ChainId, About, OathHash)> {
    let (chain, rest) = payload.split_first_chunk::<32>()?;
    let (about, hash) = rest.split_first_chunk::<9>()?;
    Some((ChainId(*chain), About::decode(about)?, OathHash(hash.try_into().ok()?)))
}
