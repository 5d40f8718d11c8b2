//! `seedtensors styles`.

use seedtensors_checkpoint::{families, styles};

pub(crate) fn run() {
    for style in styles() {
        println!("{}", style.name);
        for line in style.about.lines() {
            println!("    {}", line.trim_end());
        }
        println!();
    }
    println!("families: {}", families().collect::<Vec<_>>().join(", "));
}
