//! `consilium`: see [`consilium_experiments::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    consilium_experiments::cli::main(std::env::args_os())
}
