//! The targets of tools/src/bin/fuzz.rs, one function each, for libFuzzer.

#[allow(dead_code, reason = "the example has use for more")]
#[path = "../tools/src/bin/fuzz.rs"]
mod fuzz;

use std::sync::OnceLock;

use fuzz::Target;
use seedtensors_checkpoint::Checkpoint;

/// Reads an input; a panic is a fault.
fn read(target: Target, bytes: &[u8]) {
    static CHECKPOINT: OnceLock<Checkpoint> = OnceLock::new();
    let checkpoint = CHECKPOINT.get_or_init(|| fuzz::checkpoint().expect("a small checkpoint can be written"));
    if let Err(error) = target.run(bytes, checkpoint) {
        panic!("{error}");
    }
}

macro_rules! functions {
    ($($name:ident $target:ident),*) => {
        $(#[doc = concat!("Reads a ", stringify!($name), ".")] pub fn $name(bytes: &[u8]) { read(Target::$target, bytes) })*
    };
}

functions!(header Header, index Index, recipe Recipe, record Record, rules Rules, template Template);
