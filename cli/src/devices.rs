//! `seedtensors devices`.

use std::io::Write as _;

use seedtensors::gpu::devices;

use crate::print;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut out = print::out();
    let devices = devices();
    writeln!(out, "cpu  the processor, {} threads", std::thread::available_parallelism()?)?;
    // the index is what `--device` takes
    for (index, device) in devices.iter().enumerate() {
        writeln!(out, "{index:<3}  {device}")?;
    }
    // a note on stderr: a program that reads the list sees devices alone
    if devices.is_empty() {
        print::note("no GPU: for one, install its Vulkan driver (Debian and Ubuntu: mesa-vulkan-drivers)");
    }
    Ok(())
}
