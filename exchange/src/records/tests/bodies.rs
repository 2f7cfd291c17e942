//! Bodies: of any length, in any pieces, and changed in every way.

use super::*;

/// A record of `length` bytes, its encrypted body and what decrypts it.
fn body(length: usize) -> (World, Stored, Vec<u8>) {
    let mut world = World::new(length as u64);
    let data: Vec<u8> = (0..length).map(|i| (i * i % 251) as u8).collect();
    let scope = world.scope("radiology", 3);
    let stored = world.store(&scope, &[], &data);
    (world, stored, data)
}

fn decryptor(world: &World, stored: &Stored) -> BodyDecryptor {
    let prologue = stored.header.prologue();
    let delegator = world.owner.seed.delegator_key(stored.header.scope());
    let key = prologue.capsule.open(&delegator, &prologue.context.encode());
    BodyDecryptor::new(&key.body_key(), prologue.hash(), stored.header.body()).unwrap()
}

#[test]
fn records_of_any_length_come_back_and_are_as_long_as_announced() {
    for length in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 200_000] {
        let (world, stored, data) = body(length);
        let expected = encrypted_length(length as u64).unwrap();
        assert_eq!(stored.body.len() as u64, expected, "{length}");
        assert_eq!(stored.header.length(), length as u64);
        assert_eq!(decrypt(decryptor(&world, &stored), &stored.body).unwrap(), data);
    }
}

#[test]
fn pieces_in_which_a_body_arrives_do_not_matter() {
    let (world, stored, data) = body(150_000);
    for piece in [1, 1000, CHUNK_LEN, ENCRYPTED_CHUNK_LEN, 100_000] {
        let mut decryptor = decryptor(&world, &stored);
        let mut read = Vec::new();
        for mut piece in stored.body.chunks(piece) {
            while !piece.is_empty() {
                if let Some(chunk) = decryptor.absorb(&mut piece).unwrap() {
                    read.extend_from_slice(chunk);
                }
            }
        }
        decryptor.finish().unwrap();
        assert!(read == data, "pieces of {piece}");
    }
}

#[test]
fn memory_to_decrypt_a_record_is_one_chunk_whatever_its_length() {
    let (world, stored, _) = body(10 * CHUNK_LEN);
    let mut decryptor = decryptor(&world, &stored);
    let mut rest = stored.body.as_slice();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        if let Some(chunk) = decryptor.absorb(&mut rest).unwrap() {
            chunks.push((chunk.as_ptr(), chunk.len()));
        }
    }
    // Every chunk came out of the same memory.
    assert_eq!(chunks, vec![(chunks[0].0, CHUNK_LEN); 10]);
}

#[test]
fn memory_to_encrypt_a_record_is_one_chunk_whatever_its_length() {
    let mut encryptor = body::BodyEncryptor::new(&Default::default(), [0; 32]);
    let piece = [7; 1000];
    let mut chunks = Vec::new();
    for _ in 0..1000 {
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            if let Some(chunk) = encryptor.absorb(&mut rest).unwrap() {
                chunks.push((chunk.as_ptr(), chunk.len()));
            }
        }
    }
    let (last, _) = encryptor.finish().unwrap();
    chunks.push((last.as_ptr(), ENCRYPTED_CHUNK_LEN));
    assert_eq!(chunks, vec![(chunks[0].0, ENCRYPTED_CHUNK_LEN); 16]);
}

/// Reads a body of four chunks after `change` has changed their order and content.
fn read_changed(change: impl Fn(&mut Vec<Vec<u8>>)) -> Result<Vec<u8>, RecordError> {
    let (world, stored, _) = body(3 * CHUNK_LEN + 100);
    let chunks = stored.body.chunks(ENCRYPTED_CHUNK_LEN);
    let mut chunks: Vec<Vec<u8>> = chunks.map(<[u8]>::to_vec).collect();
    change(&mut chunks);
    decrypt(decryptor(&world, &stored), &chunks.concat())
}

fn bad(index: u64) -> Result<Vec<u8>, RecordError> {
    Err(RecordError::BadChunk { index })
}

#[test]
fn chunks_in_another_order_are_refused() {
    assert!(read_changed(|_| ()).is_ok());
    assert_eq!(read_changed(|chunks| chunks.swap(1, 2)), bad(1));
    assert_eq!(read_changed(|chunks| chunks.swap(0, 2)), bad(0));
}

#[test]
fn a_dropped_chunk_is_named() {
    for index in 0..2 {
        let read = read_changed(|chunks| drop(chunks.remove(index)));
        assert_eq!(read, bad(index as u64));
    }
    // What follows one of the last two is shorter than the chunk that is waited for.
    for index in 2..4 {
        let read = read_changed(|chunks| drop(chunks.remove(index)));
        assert!(matches!(read, Err(RecordError::BodyLength { .. })), "chunk {index}");
    }
}

#[test]
fn a_doubled_chunk_is_named() {
    // In the place of the next one; a chunk too many is a body that is too long.
    for index in 0..2 {
        let read = read_changed(|chunks| chunks[index + 1] = chunks[index].clone());
        assert_eq!(read, bad(index as u64 + 1));
    }
    let read = read_changed(|chunks| chunks.insert(1, chunks[0].clone()));
    assert!(matches!(read, Err(RecordError::BodyLength { .. })));
}

#[test]
fn a_changed_chunk_is_named() {
    for index in 0..4 {
        for from_end in [false, true] {
            let read = read_changed(|chunks| {
                let position = if from_end { chunks[index].len() - 1 } else { 50 };
                chunks[index][position] ^= 1;
            });
            assert_eq!(read, bad(index as u64), "chunk {index}");
        }
    }
}

#[test]
fn a_body_cut_off_or_with_bytes_to_spare_is_refused_for_its_length() {
    let (world, stored, _) = body(2 * CHUNK_LEN);
    let expected = stored.body.len() as u64;
    for length in [0, 10, ENCRYPTED_CHUNK_LEN, stored.body.len() - 1] {
        let error = decrypt(decryptor(&world, &stored), &stored.body[..length]).unwrap_err();
        assert_eq!(error, RecordError::BodyLength { expected, found: length as u64 });
    }
    let doubled = [&stored.body[..], &stored.body[ENCRYPTED_CHUNK_LEN..]].concat();
    let error = decrypt(decryptor(&world, &stored), &doubled).unwrap_err();
    assert_eq!(error, RecordError::BodyLength { expected, found: doubled.len() as u64 });
    // Also one byte at a time, after the last chunk has been read.
    let mut decryptor = decryptor(&world, &stored);
    let mut rest = stored.body.as_slice();
    while !rest.is_empty() {
        decryptor.absorb(&mut rest).unwrap();
    }
    let error = decryptor.absorb(&mut [0].as_slice()).unwrap_err();
    assert_eq!(error, RecordError::BodyLength { expected, found: expected + 1 });
}

#[test]
fn a_last_chunk_is_none_but_the_last() {
    // A body of two chunks under a header that says one: the first chunk does not say that it is the last.
    let (world, mut stored, _) = body(2 * CHUNK_LEN);
    stored.candidate.body.length = CHUNK_LEN as u64;
    let prologue = stored.header.prologue();
    let delegator = world.owner.seed.delegator_key(stored.header.scope());
    let key = prologue.capsule.open(&delegator, &prologue.context.encode());
    let body = stored.candidate.body;
    let decryptor = BodyDecryptor::new(&key.body_key(), prologue.hash(), body).unwrap();
    let first = &stored.body[..ENCRYPTED_CHUNK_LEN];
    assert_eq!(decrypt(decryptor, first), Err(RecordError::BadChunk { index: 0 }));
}

#[test]
fn a_body_is_bound_to_its_header_even_under_the_same_key() {
    let (world, stored, _) = body(1000);
    let prologue = stored.header.prologue();
    let delegator = world.owner.seed.delegator_key(stored.header.scope());
    let key = prologue.capsule.open(&delegator, &prologue.context.encode());
    let mut other = prologue.clone();
    other.context.id.0[0] ^= 1;
    let body = stored.header.body();
    let decryptor = BodyDecryptor::new(&key.body_key(), other.hash(), body).unwrap();
    assert_eq!(decrypt(decryptor, &stored.body), Err(RecordError::BadChunk { index: 0 }));
}

#[test]
fn lengths_that_no_counter_numbers_are_refused_before_anything_is_read() {
    assert_eq!(encrypted_length(0), Some(16));
    assert_eq!(encrypted_length(1 << 48), Some((1 << 48) + (16 << 32)));
    assert_eq!(encrypted_length((1 << 48) + 1), None);
    let (_, stored, _) = body(1);
    for length in [(1 << 48) + 1, u64::MAX] {
        let body = body::Body { length, ..stored.header.body() };
        let error = BodyDecryptor::new(&Default::default(), [0; 32], body).unwrap_err();
        assert_eq!(error, RecordError::BodyTooLong);
    }
}
