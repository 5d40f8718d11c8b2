//! What fills the tensors: `--device`.

use seedtensors::gpu::{Gpu, Select};
use seedtensors_checkpoint::Backend;

use crate::args::{Arithmetic, Device};

/// What was asked for, opened and told.
pub(crate) fn open(device: Device, arithmetic: Arithmetic, say: &dyn Fn(String)) -> anyhow::Result<Backend> {
    let opened = match device {
        Device::Cpu => Err(String::new()),
        Device::Auto => hardware(arithmetic),
        Device::Gpu => Ok(Gpu::open(&Select::Default)?),
        Device::Index(index) => Ok(Gpu::open(&Select::Index(index))?),
    };
    Ok(match opened {
        Ok(gpu) => {
            say(format!("filling on {}, checked in {:.0?}", gpu.info(), gpu.check_time()));
            Backend::Gpu(Box::new(gpu))
        }
        Err(why) => {
            say(format!("filling on the CPU{why}"));
            Backend::Cpu
        }
    })
}

/// A GPU that can do what is asked, or why it is the CPU, which is faster than a software driver.
fn hardware(arithmetic: Arithmetic) -> Result<Gpu, String> {
    let exact = matches!(arithmetic, Arithmetic::Exact);
    match Gpu::open(&Select::Hardware) {
        Ok(gpu) if exact && !gpu.is_exact() => Err(format!(": {} is not exact", gpu.info())),
        Ok(gpu) => Ok(gpu),
        Err(seedtensors::Error::NoAdapter { .. }) => Err(": there is no GPU".to_owned()),
        Err(error) => Err(format!(": {error}")),
    }
}
