//! `seedtensors doctor`.

use std::io::Write as _;
use std::time::Instant;

use indicatif::DecimalBytes;
use seedtensors::gpu::{DeviceKind, Gpu, Select, devices};
use seedtensors::{Arithmetic, Dtype, Error, Fill, Key, Sampler};

use crate::agreement::{compare_all, fill_time};
use crate::args::Doctor;
use crate::print;

/// Elements of the fills that are timed.
const TIMED: u64 = 1 << 24;

/// Examines every device, one after another. `true` where all of them are right, and also where there is none.
pub(crate) fn run(arguments: &Doctor) -> anyhow::Result<bool> {
    // the verdict is the exit code: it must not depend on who reads the report
    let mut out = print::verdict_out();
    let devices = devices();
    writeln!(out, "cpu  {} threads; exact, by definition", std::thread::available_parallelism()?)?;
    let mut healthy = true;
    for (index, device) in devices.iter().enumerate() {
        writeln!(out, "\n{index:<3}  {device}")?;
        match Gpu::open(&Select::Index(index)) {
            Ok(gpu) => healthy &= examine(&gpu, 1 << arguments.bits, &mut out)?,
            Err(error) => {
                healthy = false;
                writeln!(out, "     it does not open: {error}")?;
            }
        }
    }
    if devices.is_empty() {
        writeln!(
            out,
            "\nno GPU: install its Vulkan driver (Debian and Ubuntu: mesa-vulkan-drivers, nvidia-driver); Metal and"
        )?;
        writeln!(out, "DirectX 12 need none. Until then everything runs on the CPU, with the same bytes")?;
    } else if devices.iter().all(|device| device.kind == DeviceKind::Software) {
        writeln!(
            out,
            "\nadvice: there is a software driver alone, which `--device auto` passes over: the CPU is faster. Where the"
        )?;
        writeln!(out, "machine has a GPU, its driver is missing, or this container does not see it")?;
    }
    Ok(healthy)
}

/// Prints the limits of a device, its agreement with the CPU, and its speed. `true` where every compared element
/// agrees.
fn examine(gpu: &Gpu, elements: u64, out: &mut impl std::io::Write) -> anyhow::Result<bool> {
    let limits = gpu.device().limits();
    let size = |bytes: u64| DecimalBytes(bytes).to_string();
    writeln!(
        out,
        "     buffers up to {}, bindings up to {}",
        size(limits.max_buffer_size),
        size(limits.max_storage_buffer_binding_size)
    )?;
    writeln!(out, "     shaders: {}", gpu.form())?;
    let begin = Instant::now();
    // the library's own check, which decides whether the device may make exact values; `compare_all` below covers as
    // many elements as were asked for
    gpu.check_all()?;
    let verdict = if gpu.is_exact() { "exact" } else { "NOT exact: use native arithmetic on it, or the CPU" };
    writeln!(out, "     check: {verdict}, in {:.0?}", begin.elapsed())?;

    let (mut fills, mut different, mut compared) = (0, 0, 0);
    // collected, because the line that sums them up comes first
    let mut lines = Vec::new();
    let result = compare_all(gpu, elements, &mut |agreement| {
        (fills, compared, different) = (fills + 1, compared + agreement.count, different + agreement.different);
        if let Some(first) = agreement.first {
            let (what, different) = (agreement.what, agreement.different);
            lines.push(format!("     {what}: {different} differ, the first is element {first}"));
        }
    });
    match &result {
        Ok(()) => writeln!(
            out,
            "     agreement: {different} of {compared} elements differ from the CPU's bits, in {fills} fills"
        )?,
        // expected of a device that failed the check: the library refuses exact fills on it
        Err(error @ Error::InexactDevice { .. }) => writeln!(out, "     agreement: {error}")?,
        Err(error) => writeln!(out, "     agreement: FAILED, {error}")?,
    }
    for line in lines {
        writeln!(out, "{line}")?;
    }
    speed(gpu, out)?;
    Ok(gpu.is_exact() && result.is_ok() && different == 0)
}

/// Prints the rate of fills, and of storing a constant.
fn speed(gpu: &Gpu, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let normal = Sampler::Normal { mean: 0.0, std: 1.0 };
    let uniform = Sampler::Uniform { low: 0.0, high: 1.0 };
    let constant = Sampler::Constant { value: 0.5 };
    // storing a constant computes nothing: it comes first, and the other rates are shares of its rate
    let mut floor = None;
    for (name, sampler, arithmetic, dtype) in [
        ("storing a constant", constant, Arithmetic::Exact, Dtype::F32),
        ("uniform, f32", uniform, Arithmetic::Exact, Dtype::F32),
        ("normal, native, f32", normal, Arithmetic::Native, Dtype::F32),
        ("normal, exact, f32", normal, Arithmetic::Exact, Dtype::F32),
        ("normal, exact, bf16", normal, Arithmetic::Exact, Dtype::BF16),
    ] {
        let fill = Fill::from_sampler(Key::new(42), sampler, TIMED).with_arithmetic(arithmetic);
        match fill_time(gpu, &fill, dtype) {
            Ok(time) => {
                let rate = (TIMED * dtype.size()) as f64 / time.as_secs_f64() / 1e9;
                let share = rate / *floor.get_or_insert(rate);
                writeln!(out, "     {name:<19} {rate:8.2} GB/s, {share:.2} of storing")?;
            }
            Err(error) => writeln!(out, "     {name:<19} refused: {error}")?,
        }
    }
    Ok(())
}
