//! `seedtensors devices`.

use seedtensors::gpu::devices;

pub(crate) fn run() -> anyhow::Result<()> {
    let devices = devices();
    println!("cpu  the processor, {} threads", std::thread::available_parallelism()?);
    for (index, device) in devices.iter().enumerate() {
        println!("{index:<3}  {device}");
    }
    if devices.is_empty() {
        eprintln!("no GPU: for one, install its Vulkan driver (Debian and Ubuntu: mesa-vulkan-drivers)");
    }
    Ok(())
}
