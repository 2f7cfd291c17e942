//! `consilium-records`: owner, custodian, requester, proxy, issuer and opener of shared records.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use consilium_cli::{command_line, failure::finish, logging, version};
use consilium_crypto::TEST_FEATURES;

use commands::{
    custodian::Custodian,
    everyone::{CardArguments, Init, Post, Serve, Status},
    issuer::Issuer,
    opener::Opener,
    owner::Owner,
    requester::Requester,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  not done: somebody was not reached, the disk is full, or the ledger did not show it in time; try again
  2  a value, a file or a folder given is not usable
  3  the coordinator has signed two histories, or a block that no contract leads to: stop trusting it
  4  the ledger or another party refuses; the message says who and why
  5  what somebody has delivered is not what was signed; the message names it

Where --json is given, results are one JSON value on stdout; messages are on stderr in any case.";

const STORY: &str = "\
A record's way:
  init          everyone makes its keys and sends request.bin to the authority, which admits it
  card          everyone writes its card, and gives it to those who will deal with it
  owner publish           the owner gives the custodian a key for a category and month
  custodian store         the custodian encrypts a record to it
  owner accept            the owner reads the record and signs; the custodian puts it on the ledger
  requester join, issuer certify      once: the requester becomes a member of the group
  requester ask           the requester asks in the group's name
  owner requests, consent the owner reads who asks and why, and consents through t of n proxies
  requester fetch         t proxies re-encrypt; the requester reads what the consent opens
  owner withdraw          from then on no honest proxy re-encrypts

The custodian, the proxies and the requester `serve`; everyone else only calls. Transport is plain TCP: calls are signed
and secrets are sealed, but who talks to whom and encrypted bodies are there to be seen. Put it inside a VPN.";

/// Shares records with their owners' consent: who keeps, who owns, who asks, who re-encrypts.
///
/// Every party has a folder with keys that were made where it is, follows the ledger itself, and takes nobody's word for
/// what it can verify: neither the coordinator's nor another party's.
#[derive(Parser)]
#[command(
    name = "consilium-records",
    version = version(env!("CARGO_PKG_VERSION"), TEST_FEATURES),
    after_help = EXIT_CODES,
    after_long_help = format!("{STORY}\n\n{EXIT_CODES}")
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a party's keys and its request to the authority.
    #[command(after_help = EXIT_CODES)]
    Init(Init),
    /// Writes this party's card, once the authority has admitted it: how others reach it, and with which keys.
    #[command(after_help = EXIT_CODES)]
    Card(CardArguments),
    /// Serves as custodian, proxy or requester until SIGTERM or SIGINT. The first line on stdout is the address.
    #[command(after_help = EXIT_CODES)]
    Serve(Serve),
    /// Says who this party is and what the ledger shows of it.
    #[command(after_help = EXIT_CODES)]
    Status(Status),
    /// Puts somebody's group-signed request, written by `requester ask --out`, on the ledger in this party's name.
    #[command(after_help = EXIT_CODES)]
    Post(Post),
    /// Publishes keys, reviews records, consents to requests and takes consents back.
    #[command(subcommand, after_help = EXIT_CODES)]
    Owner(Owner),
    /// Stores records for their owners.
    #[command(subcommand, after_help = EXIT_CODES)]
    Custodian(Custodian),
    /// Joins the group, asks for records and reads them.
    #[command(subcommand, after_help = EXIT_CODES)]
    Requester(Requester),
    /// Certifies the group's members, and revokes them.
    #[command(subcommand, after_help = EXIT_CODES)]
    Issuer(Issuer),
    /// Says which member has signed a request, with a proof; judges such proofs.
    #[command(subcommand, after_help = EXIT_CODES)]
    Opener(Opener),
}

fn main() -> ExitCode {
    let cli: Cli = match command_line::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    logging::start();
    finish::<Cli>(match cli.command {
        Command::Init(arguments) => arguments.run(),
        Command::Card(arguments) => arguments.run(),
        Command::Serve(arguments) => arguments.run(),
        Command::Status(arguments) => arguments.run(),
        Command::Post(arguments) => arguments.run(),
        Command::Owner(command) => command.run(),
        Command::Custodian(command) => command.run(),
        Command::Requester(command) => command.run(),
        Command::Issuer(command) => command.run(),
        Command::Opener(command) => command.run(),
    })
}
