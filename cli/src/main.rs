//! The command `seedtensors`: parse, call, print.
//!
//! `args` parses the command line, and each subcommand has a file of its name with a function `run`. `recipe` loads the
//! recipe that `init`, `recipe` and `verify` share, `backend` opens the device, `progress` reports. Everything is printed by
//! `print`, and `advice` adds flags to the library's errors.

mod advice;
mod agreement;
mod args;
mod backend;
mod config;
mod devices;
mod doctor;
mod families;
mod init;
mod initialisers;
mod input;
mod inspect;
mod print;
mod progress;
mod recipe;
mod signals;
mod styles;
mod template;
mod threads;
mod verify;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

fn main() -> ExitCode {
    // The panic hook comes first, so that a bug in any later step is reported. Threads come after the arguments, which
    // say whether any are needed.
    std::panic::set_hook(Box::new(|panic| {
        // a panic of the template engine becomes an error of its own
        if std::thread::current().name() != Some(seedtensors_checkpoint::TEMPLATE_THREAD) {
            print::note(format_args!("this is a bug of seedtensors: {panic}"));
        }
    }));
    signals::report_large_files();
    let arguments = match Args::try_parse() {
        Ok(arguments) => arguments,
        // help is the program's own text; an error quotes what was given
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            print::notes(&error.to_string());
            // the code for a wrong command line, as clap's own exit has it
            return ExitCode::from(2);
        }
    };
    // the renderer fills nothing: it works in a process of limited memory, and needs no pool
    if !matches!(arguments.command, Command::RenderTemplate) {
        threads::start();
    }
    run(arguments.command).unwrap_or_else(|error| {
        // `seedtensors recipe | head` is no failure: the reader has what it wants
        if error.downcast_ref().is_some_and(print::reader_has_gone) {
            return ExitCode::SUCCESS;
        }
        print::note(format_args!("error: {error:#}"));
        // a run that a signal ended says which, as a shell does
        signals::exit_code().map_or(ExitCode::FAILURE, ExitCode::from)
    })
}

/// Runs a subcommand. `verify` and `doctor` have a verdict, which is the exit code: 0 or 1.
fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    let verdict = |healthy| if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match command {
        Command::Init(arguments) => init::run(&arguments).map(done),
        Command::Recipe(arguments) => recipe::run(&arguments).map(done),
        Command::Verify(arguments) => verify::run(&arguments).map(verdict),
        Command::Inspect(arguments) => inspect::run(&arguments).map(done),
        Command::Words(arguments) => words::run(&arguments).map(done),
        Command::Initialisers => initialisers::run().map(done),
        Command::Families => families::run().map(done),
        Command::Styles => styles::run().map(done),
        Command::Doctor(arguments) => doctor::run(&arguments).map(verdict),
        Command::Devices => devices::run().map(done),
        Command::RenderTemplate => template::run().map(done),
    }
}
