//! The command `seedtensors`: parse, call, print.
#![allow(clippy::print_stdout, reason = "a command prints")]

mod args;
mod devices;
mod init;
mod initialisers;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Initialisers => {
            initialisers::run();
            Ok(())
        }
        Command::Devices => devices::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
