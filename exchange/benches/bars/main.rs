//! What sharing costs against what it is made of, on one core and in one run: `cargo bench -p consilium-exchange`.
//!
//! Things compared take turns, and only ratios within a run mean anything; times are those of the processor.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

mod group_signatures;
mod quantities;
mod records;
mod turns;

fn main() {
    // This thread is the whole pool: what runs in it is in the processor time of this thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().unwrap();
    // All of them, or those that the command line names: quantities, group_signatures, records.
    let named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let named: Vec<String> = named.collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    println!("{:42} {:>10} {:>9} {:>9}", "", "median", "ratio", "bar");
    if wanted("quantities") {
        quantities::run();
    }
    if wanted("group_signatures") {
        group_signatures::run();
    }
    if wanted("records") {
        records::run();
    }
}
