//! Which records a request asks for and a consent opens: one custodian's, of one category, of some months.

use std::ops::RangeInclusive;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::Pseudonym;

use super::{Category, Period, RecordError, Scope};

/// Most months of one consent.
pub const MAX_PERIODS: usize = 60;

/// Records of one custodian and category. The owner is whoever is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    custodian: Pseudonym,
    category: Category,
    periods: Vec<Period>,
}

impl Selection {
    /// Longest encoding, in bytes.
    pub(super) const MAX_LEN: usize = 32 + 1 + Category::MAX_LEN + 1 + MAX_PERIODS * Period::LEN;

    /// 1 to [`MAX_PERIODS`] months; they are sorted, and one that is there twice is taken once.
    pub fn new(
        custodian: Pseudonym,
        category: Category,
        mut periods: Vec<Period>,
    ) -> Result<Self, RecordError> {
        periods.sort_unstable();
        periods.dedup();
        if !(1..=MAX_PERIODS).contains(&periods.len()) {
            let found = periods.len();
            return Err(RecordError::Count {
                what: "months of a consent",
                found,
                allowed: "1 to 60",
            });
        }
        Ok(Self { custodian, category, periods })
    }

    /// Who keeps the records.
    pub fn custodian(&self) -> &Pseudonym {
        &self.custodian
    }

    /// Of what kind they are.
    pub fn category(&self) -> &Category {
        &self.category
    }

    /// Of which months they are, in ascending order.
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// The scopes of this owner's delegator keys, one a month.
    pub(super) fn scopes(&self, owner: &Pseudonym) -> impl Iterator<Item = Scope> {
        self.periods.iter().map(|period| Scope {
            owner: *owner,
            custodian: self.custodian,
            category: self.category.clone(),
            period: *period,
        })
    }

    /// The number of the record's month among the selected; an error that names what else is not selected.
    pub(super) fn position(&self, scope: &Scope) -> Result<usize, RecordError> {
        let other = |what| Err(RecordError::NotConsented { what });
        if scope.custodian != self.custodian {
            return other("custodian");
        }
        if scope.category != self.category {
            return other("category");
        }
        self.periods.binary_search(&scope.period).or_else(|_| other("month"))
    }

    /// Custodian ‖ category ‖ number of months ‖ months.
    pub(super) fn encode_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.custodian.as_slice());
        self.category.encode_to(bytes);
        // At most 60.
        bytes.push(self.periods.len() as u8);
        self.periods.iter().for_each(|period| bytes.extend_from_slice(&period.encode()));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let custodian = Pseudonym(reader.array()?);
        let category = Category::read(reader)?;
        let count = read_count(reader, "months of a selection", 1..=MAX_PERIODS as u8, "1 to 60")?;
        let periods = read_many(count, || Period::read(reader))?;
        if !periods.is_sorted_by(|earlier, later| earlier < later) {
            let (found, allowed) = (count.into(), "months in ascending order");
            return Err(DecodeError::Value { what: "selection", found, allowed });
        }
        Ok(Self { custodian, category, periods })
    }
}

/// A number of elements in one byte.
pub(super) fn read_count(
    reader: &mut Reader<'_>,
    what: &'static str,
    range: RangeInclusive<u8>,
    allowed: &'static str,
) -> Result<u8, DecodeError> {
    let [count] = reader.array()?;
    if !range.contains(&count) {
        return Err(DecodeError::Value { what, found: count.into(), allowed });
    }
    Ok(count)
}

/// So many elements, or the first error among them. The number comes in one byte, so that a vector of them is short.
pub(super) fn read_many<T>(
    count: u8,
    mut read: impl FnMut() -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    // Never grown: some of them are secret, and a vector that grows leaves copies behind.
    let mut elements = Vec::with_capacity(count.into());
    for _ in 0..count {
        elements.push(read()?);
    }
    Ok(elements)
}
