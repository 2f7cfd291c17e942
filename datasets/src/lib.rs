//! CSV in, typed, standardised, partitioned tables out
