//! consilium
fn main() {}
