//! The command `seedtensors`: parse, call, print.
#![allow(clippy::print_stdout, reason = "a command prints")]

mod args;
mod devices;
mod init;
mod initialisers;
mod progress;
mod recipe;
mod source;
mod styles;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let result = match Args::parse().command {
        Command::Init(arguments) => init::run(&arguments).map(done),
        Command::Recipe(arguments) => recipe::run(&arguments).map(done),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Inspect(_) => Ok(ExitCode::SUCCESS),
        Command::Initialisers => {
            initialisers::run();
            Ok(ExitCode::SUCCESS)
        }
        Command::Styles => {
            styles::run();
            Ok(ExitCode::SUCCESS)
        }
        Command::Devices => devices::run().map(done),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
