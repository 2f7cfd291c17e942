//! What each party of a round does, timed. Bytes are those of updates, signatures, sums and shares; frames of the
//! transport come on top.

use std::path::Path;

use consilium_crypto::mask::{
    CandidateHeader, CandidateUpdate, Kind, MaskedSum, VerifiedHeader, VerifiedUpdate, combine,
    verify_key_proofs, verify_updates,
};
use consilium_crypto::{
    Bound, DecryptionShare, DiscreteLogTable, Evaluation, EvaluationKey, HEADER_LEN, SIGNATURE_LEN,
    VerifiedEvaluation, lattice::LATTICE_HEADER_LEN, verify_share,
};
use rand_core::{OsRng, RngCore};

use super::cells::{BATCH, Cell, Party};
use super::key::Key;
use super::measuring::{Measured, Stopwatch, peak_memory_kb, repeat};
use super::round::{
    Author, BLOCK, BLOCK_LABEL, Public, Round, candidate_key, context, encrypt, parameters, quorum,
    verify_sum,
};
use crate::ExperimentError;

/// A pseudonym, and a signature under it.
pub(crate) const SIGNED: u64 = 32 + SIGNATURE_LEN as u64;

/// Measures a cell of a scheme of Consilium's own. All but a client works on the round in `folder`.
///
/// # Errors
/// [`ExperimentError::Bench`] or [`ExperimentError::File`]: nothing is measured that does not verify.
pub(crate) fn measure(
    cell: &Cell,
    protection: (Bound, Kind),
    folder: &Path,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let n = cell.institutions;
    let round = Round::open(folder);
    let public = || round.public(protection, n);
    let measured = match cell.party {
        Party::Client => client(cell, protection, budget_s),
        Party::Coordinator => coordinator(n, &round, &public()?, budget_s),
        Party::Verifier => verifier(n, &round, &public()?, budget_s),
        Party::Trustee => trustee(n, &round, &public()?, budget_s),
        Party::Opening => opening(n, &round, &public()?, budget_s),
        Party::Check => check(n, &round, &public()?, budget_s),
        Party::Auditor => auditor(n, &round, &public()?, budget_s),
    }?;
    Ok(Measured { peak_kb: peak_memory_kb(), ..measured })
}

fn client(
    cell: &Cell,
    protection: (Bound, Kind),
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let evaluation_key = EvaluationKey::generate(&mut OsRng);
    let key = Key::generate(1, 1, &evaluation_key)?.public;
    let (bound, _) = protection;
    let context = context(&key, bound, cell.dimension);
    // It works for itself, in a round of so many.
    let parameters = parameters(protection, cell.dimension, BATCH)?;
    let mut bytes_up = 0;
    let measured = repeat(budget_s, |_| {
        let mut watch = Stopwatch::start();
        let unproven = encrypt(&parameters, &key, &context, 1)?;
        watch.lap("encrypt");
        let update = unproven.prove().map_err(ExperimentError::bench("proving"))?;
        watch.lap("prove");
        bytes_up = (update.header.len() + update.body.len()) as u64 + SIGNED;
        Ok(watch)
    })?;
    // The model that it trains on; what it checks that model with is the row `check`.
    Ok(Measured { bytes_up, bytes_down: 4 * u64::from(cell.dimension), ..measured })
}

/// Decodes and verifies the updates, a batch at a time, and adds them up.
fn verify_and_sum(
    n: u32,
    round: &Round,
    public: &Public,
    watch: &mut Stopwatch,
) -> Result<(MaskedSum, Vec<VerifiedHeader>), ExperimentError> {
    let mut sum = MaskedSum::new(&public.parameters, &public.context);
    let mut headers = Vec::new();
    for first in (1..=n).step_by(BATCH as usize) {
        let stored = |who| Ok((round.author(who)?, round.header(who)?, round.body(who)?));
        let updates = (first..=n)
            .take(BATCH as usize)
            .map(stored)
            .collect::<Result<Vec<_>, ExperimentError>>()?;
        watch.resume();
        let mut candidates = Vec::with_capacity(updates.len());
        for (author, header, body) in &updates {
            author.has_signed(header)?;
            let header =
                CandidateHeader::decode(header).map_err(ExperimentError::bench("a header"))?;
            let candidate = CandidateUpdate::parse(header, body, &public.parameters);
            candidates.push(candidate.map_err(ExperimentError::bench("a body"))?);
        }
        watch.lap("decode");
        let verified = verify_updates(&public.key, candidates, &mut OsRng).into_iter();
        let verified = verified
            .collect::<Result<Vec<VerifiedUpdate>, _>>()
            .map_err(ExperimentError::bench("a proof"))?;
        watch.lap("verify");
        verified
            .iter()
            .try_for_each(|update| sum.add(update))
            .map_err(ExperimentError::bench("adding"))?;
        headers.extend(verified.iter().map(VerifiedUpdate::header));
        watch.lap("sum");
    }
    Ok((sum, headers))
}

/// How many updates a warm-up looks at.
fn taken(n: u32, warm_up: bool) -> u32 {
    if warm_up { n.min(BATCH) } else { n }
}

/// Verifies and sums the updates of a round again and again; `then` has the headers of those in the sum.
fn over_updates(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
    then: impl Fn(&[&VerifiedHeader]) -> Result<(), ExperimentError>,
) -> Result<Measured, ExperimentError> {
    repeat(budget_s, |warm_up| {
        let mut watch = Stopwatch::start();
        let (sum, headers) = verify_and_sum(taken(n, warm_up), round, public, &mut watch)?;
        then(&headers.iter().collect::<Vec<_>>())?;
        watch.lap("sum");
        drop(sum);
        Ok(watch)
    })
}

fn coordinator(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let evaluation_key = round.evaluation_key()?;
    let measured = over_updates(n, round, public, budget_s, |headers| {
        let evaluation = evaluation_key.evaluate(&public.context, headers);
        evaluation.map(drop).map_err(ExperimentError::bench("the sum of the keys"))
    })?;
    let bytes_down = u64::from(n) * update_bytes(public);
    Ok(Measured { bytes_up: Evaluation::length(n as usize) as u64, bytes_down, ..measured })
}

/// What an institution does before it countersigns a sum: it verifies every update of it, folded, and the sum.
fn verifier(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let sealed = round.evaluation()?;
    let measured = over_updates(n, round, public, budget_s, |headers| {
        // A warm-up sees a part of the updates only, whose sum this is not.
        let is_whole = headers.len() == n as usize;
        if is_whole { verify_sum(&sealed, headers, public).map(drop) } else { Ok(()) }
    })?;
    let bytes_down = u64::from(n) * update_bytes(public) + sealed.len() as u64;
    Ok(Measured { bytes_up: SIGNED, bytes_down, ..measured })
}

/// A signed header.
pub(crate) fn signed_header(kind: Kind) -> u64 {
    let header = match kind {
        Kind::Group => HEADER_LEN,
        Kind::Lattice { .. } => LATTICE_HEADER_LEN,
    };
    header as u64 + SIGNED
}

/// A signed update.
fn update_bytes(public: &Public) -> u64 {
    signed_header(public.parameters.kind()) + public.parameters.body_length() as u64
}

fn trustee(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let share = round.share()?;
    let sealed = round.evaluation()?;
    let signed = |who| Ok((round.author(who)?, round.key_bytes(who, &public.parameters)?));
    let signed = (1..=n).map(signed).collect::<Result<Vec<_>, ExperimentError>>()?;
    let own = consilium_crypto::SigningKey::generate(&mut OsRng);
    let quorum = quorum(public);
    let mut answer = 0;
    let measured = repeat(budget_s, |_| {
        let mut watch = Stopwatch::start();
        let decode = |(author, (header, key_part)): &(Author, (Vec<u8>, Vec<u8>))| {
            author.has_signed(header)?;
            candidate_key(header, key_part, &public.parameters)
        };
        let keys = signed.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let headers = verify_key_proofs(&public.key, keys, &mut OsRng).into_iter();
        let headers = headers
            .collect::<Result<Vec<_>, _>>()
            .map_err(ExperimentError::bench("a key proof"))?;
        watch.lap("headers");
        let evaluation = verify_sum(&sealed, &headers.iter().collect::<Vec<_>>(), public)?;
        own.sign(BLOCK_LABEL, &[&BLOCK.0]);
        watch.lap("countersign");
        signed
            .iter()
            .take(quorum as usize)
            .try_for_each(|(author, _)| author.has_countersigned())?;
        let share = share.decryption_share(&public.key, &evaluation, &BLOCK);
        watch.lap("share");
        answer = share.encode().len() as u64;
        Ok(watch)
    })?;
    let key_part = public.parameters.key_part().len() as u64;
    let each = signed_header(public.parameters.kind()) + key_part;
    let bytes_down = u64::from(n) * each + sealed.len() as u64 + u64::from(quorum) * SIGNED;
    Ok(Measured { bytes_up: 2 * SIGNED + answer, bytes_down, ..measured })
}

/// Verifies the shares, opens the sum of the keys with them, and reads the sums off.
fn open(
    answers: &[Vec<u8>],
    evaluation: &VerifiedEvaluation,
    sum: &MaskedSum,
    public: &Public,
    watch: &mut Stopwatch,
) -> Result<Vec<i64>, ExperimentError> {
    let table = DiscreteLogTable::shared();
    watch.resume();
    let verify = |bytes: &Vec<u8>| {
        let share = DecryptionShare::decode(bytes).map_err(ExperimentError::bench("a share"))?;
        verify_share(&share, &public.key, &public.commitments, evaluation, &BLOCK)
            .map_err(ExperimentError::bench("a share"))
    };
    let shares = answers.iter().map(verify).collect::<Result<Vec<_>, _>>()?;
    let mask_key = combine(&public.parameters, evaluation, &shares, &public.commitments, &table);
    let mask_key = mask_key.map_err(ExperimentError::bench("combining"))?;
    watch.lap("combine");
    let sums = sum.open(&mask_key, &table).map_err(ExperimentError::bench("reading off"))?;
    watch.lap("read off");
    Ok(sums)
}

fn expect(sums: &[i64], expected: &[i64]) -> Result<(), ExperimentError> {
    if sums == expected {
        Ok(())
    } else {
        Err(ExperimentError::bench("the sums")("they are not those of the updates"))
    }
}

fn opening(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let expected = round.sums()?;
    let answers = round.answers(public.commitments.threshold())?;
    let headers = round.verified_headers(n, public)?;
    let evaluation = verify_sum(&round.evaluation()?, &headers.iter().collect::<Vec<_>>(), public)?;
    let mut sum = MaskedSum::new(&public.parameters, &public.context);
    for (who, header) in (1..).zip(&headers) {
        sum.add_masked(&round.masked_bytes(who, &public.parameters)?, header)
            .map_err(ExperimentError::bench("adding"))?;
    }
    let measured = repeat(budget_s, |_| {
        let mut watch = Stopwatch::start();
        let sums = open(&answers, &evaluation, &sum, public, &mut watch)?;
        expect(&sums, &expected)?;
        Ok(watch)
    })?;
    let model = 4 * u64::from(public.parameters.dimension());
    let answered: u64 = answers.iter().map(|answer| answer.len() as u64 + SIGNED).sum();
    Ok(Measured { bytes_up: model, bytes_down: answered, ..measured })
}

fn check(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let sums = round.sums()?;
    let mask_key = round.mask_key(&public.parameters, n)?;
    let headers = round.verified_headers(n, public)?;
    let mut seed = [0; 32];
    OsRng.fill_bytes(&mut seed);
    let measured = repeat(budget_s, |warm_up| {
        let mut sum = MaskedSum::new(&public.parameters, &public.context);
        let mut watch = Stopwatch::start();
        for (who, header) in (1..=taken(n, warm_up)).zip(&headers) {
            let bytes = round.masked_bytes(who, &public.parameters)?;
            watch.resume();
            sum.add_masked(&bytes, header).map_err(ExperimentError::bench("adding"))?;
            watch.lap("decode and sum");
        }
        let verdict = sum.check(&mask_key, &sums, &seed);
        watch.lap("check");
        // A warm-up takes a part of the updates only, whose sums these are not.
        if !warm_up {
            verdict.map_err(ExperimentError::bench("the sums"))?;
        }
        Ok(watch)
    })?;
    let masks = u64::from(n) * public.parameters.masked().len() as u64;
    Ok(Measured { bytes_down: masks + 8 * sums.len() as u64, ..measured })
}

fn auditor(
    n: u32,
    round: &Round,
    public: &Public,
    budget_s: f64,
) -> Result<Measured, ExperimentError> {
    let sealed = round.evaluation()?;
    let expected = round.sums()?;
    let answers = round.answers(public.commitments.threshold())?;
    let authors =
        (1..=quorum(public)).map(|who| round.author(who)).collect::<Result<Vec<_>, _>>()?;
    let measured = repeat(budget_s, |warm_up| {
        let mut watch = Stopwatch::start();
        let (sum, headers) = verify_and_sum(taken(n, warm_up), round, public, &mut watch)?;
        if warm_up && n > BATCH {
            return Ok(watch);
        }
        let evaluation = verify_sum(&sealed, &headers.iter().collect::<Vec<_>>(), public)?;
        authors.iter().try_for_each(Author::has_countersigned)?;
        watch.lap("sum");
        let sums = open(&answers, &evaluation, &sum, public, &mut watch)?;
        expect(&sums, &expected)?;
        Ok(watch)
    })?;
    let answered: u64 = answers.iter().map(|answer| answer.len() as u64 + SIGNED).sum();
    let countersignatures = authors.len() as u64 * SIGNED;
    let bytes_down =
        u64::from(n) * update_bytes(public) + sealed.len() as u64 + countersignatures + answered;
    Ok(Measured { bytes_down, ..measured })
}

#[cfg(test)]
mod tests {
    use super::super::round;
    use super::super::scheme::Scheme;
    use super::*;

    #[test]
    fn every_party_of_a_small_round_is_measured_and_a_tampered_round_is_not() {
        let directory = tempfile::tempdir().unwrap();
        for scheme in Scheme::OWN {
            let folder = directory.path().join(scheme.name());
            round::make(scheme, 3, 4, &folder).unwrap();
            let cell = |party| Cell { scheme, party, dimension: 3, institutions: 4, threads: 1 };
            let protection = scheme.protection().unwrap();
            for party in Party::ALL {
                let measured = measure(&cell(party), protection, &folder, 0.0).unwrap();
                assert_eq!(measured.seconds.len(), 2, "{party:?}");
                assert!(
                    measured.parts.values().sum::<f64>() > 0.0 && measured.bytes_down > 0,
                    "{party:?}"
                );
            }
            let client = measure(&cell(Party::Client), protection, &folder, 0.0).unwrap();
            let coordinator = measure(&cell(Party::Coordinator), protection, &folder, 0.0).unwrap();
            assert_eq!(coordinator.bytes_down, 4 * client.bytes_up);

            let mut body = std::fs::read(folder.join("body-2")).unwrap();
            *body.last_mut().unwrap() ^= 1;
            std::fs::write(folder.join("body-2"), body).unwrap();
            for party in [Party::Coordinator, Party::Auditor] {
                assert!(measure(&cell(party), protection, &folder, 0.0).is_err(), "{party:?}");
            }
        }
    }

    #[test]
    fn a_round_that_was_never_made_is_an_error_that_names_its_folder() {
        let cell = Cell {
            scheme: Scheme::Norm,
            party: Party::Trustee,
            dimension: 3,
            institutions: 4,
            threads: 1,
        };
        let error =
            measure(&cell, Scheme::Norm.protection().unwrap(), Path::new("no such round"), 0.0)
                .unwrap_err();
        assert!(error.to_string().contains("no such round"), "{error}");
    }
}
