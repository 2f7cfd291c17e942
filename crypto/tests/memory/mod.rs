//! The memory of this process, as an attacker would read it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// All memory of the process that is written to, but for stacks.
pub fn heap() -> Vec<u8> {
    // A thread that ends between the listing and the reading takes its stack with it: listed again, it is not there.
    let mut attempts = std::iter::repeat_with(read_heap).take(20);
    attempts.find_map(Result::ok).unwrap()
}

fn read_heap() -> io::Result<Vec<u8>> {
    let on_the_stack = 0u8;
    let here = std::ptr::from_ref(&on_the_stack).addr();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut heap: Vec<u8> = Vec::with_capacity(1 << 28);
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut fields = line.split_whitespace();
        let range = fields.next().unwrap();
        let permissions = fields.next().unwrap();
        let name = fields.nth(3);
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).unwrap());
        let of_a_file = name.is_some_and(|name| name.starts_with('/'));
        let is_stack = name == Some("[stack]") || (start..end).contains(&here);
        // Not the copy itself, which grows into what it copies.
        let is_copy = (start..end).contains(&heap.as_ptr().addr());
        if permissions.starts_with("rw") && !of_a_file && !is_stack && !is_copy {
            let length = heap.len();
            heap.resize(length + end - start, 0);
            memory.read_exact_at(&mut heap[length..], start as u64)?;
        }
    }
    assert!(heap.len() < heap.capacity(), "the copy never moved");
    Ok(heap)
}

/// Whether the bytes are anywhere in it.
pub fn holds(heap: &[u8], secret: &[u8]) -> bool {
    heap.windows(secret.len()).any(|window| window == secret)
}
