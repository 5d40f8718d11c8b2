//! The backend that `--device` names.

use seedtensors::gpu::{Gpu, Select};
use seedtensors_checkpoint::Backend;

use crate::args::{Arithmetic, Device};

/// Opens the backend that was asked for, and says which it is.
pub(crate) fn open(device: Device, arithmetic: Arithmetic, say: &dyn Fn(String)) -> anyhow::Result<Backend> {
    let opened = match device {
        // no reason to give: the CPU was asked for
        Device::Cpu => Err(String::new()),
        Device::Auto => hardware(arithmetic),
        Device::Gpu => Ok(Gpu::open(&Select::Default)?),
        Device::Index(index) => Ok(Gpu::open(&Select::Index(index))?),
    };
    Ok(match opened {
        Ok(gpu) => {
            say(format!("filling on {}", gpu.info()));
            Backend::Gpu(Box::new(gpu))
        }
        Err(why) => {
            say(format!("filling on the CPU{why}"));
            Backend::Cpu
        }
    })
}

/// A GPU that gives what is asked. The error is the reason why the CPU is used: a software driver is slower than the CPU,
/// and is no hardware.
fn hardware(arithmetic: Arithmetic) -> Result<Gpu, String> {
    let exact = matches!(arithmetic, Arithmetic::Exact);
    // all samplers are checked now: once files are being written it is too late to change the backend
    let opened =
        Gpu::open(&Select::Hardware).and_then(|gpu| if exact { gpu.check_all().map(|()| gpu) } else { Ok(gpu) });
    match opened {
        Ok(gpu) if exact && !gpu.is_exact() => Err(format!(": {} is not exact", gpu.info())),
        Ok(gpu) => Ok(gpu),
        // no fault of the machine; any other error is about a device that is there and fails
        Err(seedtensors::Error::NoAdapter { .. }) => Err(": there is no GPU".to_owned()),
        Err(error) => Err(format!(": {error}")),
    }
}
