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
mod records;
mod turns;

fn main() {
    println!("{:42} {:>10} {:>9} {:>9}", "", "median", "ratio", "bar");
    group_signatures::run();
    records::run();
}
