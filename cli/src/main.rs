//! The command `seedtensors`: parse, call, print.

mod args;
mod devices;
mod doctor;
mod init;
mod initialisers;
mod inspect;
mod progress;
mod recipe;
mod source;
mod styles;
mod verify;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    // a fault of the template engine is told as an error
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(seedtensors_checkpoint::TEMPLATE_THREAD) {
            hook(panic);
        }
    }));
    let done = |()| ExitCode::SUCCESS;
    let result = match Args::parse().command {
        Command::Init(arguments) => init::run(&arguments).map(done),
        Command::Recipe(arguments) => recipe::run(&arguments).map(done),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments).map(done),
        Command::Words(arguments) => words::run(&arguments).map(done),
        Command::Initialisers => initialisers::run().map(done),
        Command::Styles => styles::run().map(done),
        Command::Doctor(arguments) => {
            doctor::run(&arguments).map(|healthy| if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Devices => devices::run().map(done),
    };
    result.unwrap_or_else(|error| {
        // whoever read the output has seen enough
        let pipe = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
        if error.downcast_ref().is_some_and(pipe) {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
