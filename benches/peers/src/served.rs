//! Peers in processes of their own: they read `work elements` from their standard input, do it, and answer with the
//! seconds that it took. scripts/bench/peers.py is the one for Python.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, DeviceKind, Distribution, Tensor};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use numr::prelude::{AdvancedRandomOps, DType, Runtime, RuntimeClient};
use numr::runtime::wgpu::{WgpuDevice, WgpuRuntime};
use seedtensors::Sampler;

use crate::{gpt2, seconds};

/// A peer, as its parent process sees it. It is stopped while others work: burn's runtime uses a seventh of a core when
/// it is idle.
pub(crate) struct Served {
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    /// The first line of its output.
    pub(crate) versions: String,
    process: Child,
}

impl Served {
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(program);
        let mut process = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let pipes = stdin.zip(stdout.map(BufReader::new)).context("a peer has no pipes")?;
        let mut served = Self { pipes: Mutex::new(pipes), versions: String::new(), process };
        served.versions = served.answer()?;
        served.send(Signal::SIGSTOP);
        Ok(served)
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }

    fn answer(&self) -> Result<String> {
        let mut line = String::new();
        self.pipes.lock().unwrap().1.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a peer ended; its message is above");
        Ok(line.trim().to_owned())
    }

    pub(crate) fn work(&self, name: &'static str, elements: u64) -> impl FnMut() -> f64 {
        move || {
            self.send(Signal::SIGCONT);
            writeln!(self.pipes.lock().unwrap().0, "{name} {elements}").unwrap();
            let seconds = self.answer().unwrap().parse().unwrap();
            self.send(Signal::SIGSTOP);
            seconds
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // a stopped process could not end by itself
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does the work that each line names, until the input ends.
fn serve(versions: &str, mut work: impl FnMut(&str, usize) -> Result<f64>) -> Result<()> {
    println!("{versions}");
    for line in std::io::stdin().lines() {
        let line = line?;
        let (name, elements) = line.rsplit_once(' ').context("a line is `work elements`")?;
        println!("{}", work(name, elements.parse()?)?);
    }
    Ok(())
}

/// burn on its default GPU, or on the software driver.
pub(crate) fn burn(software: bool) -> Result<()> {
    let device = Device::wgpu(if software { DeviceKind::Cpu } else { DeviceKind::DefaultDevice });
    let random = |distribution, count| Tensor::<1>::random([count], distribution, &device);
    let model = || -> Vec<_> {
        let make = |parameter: &gpt2::Parameter| {
            let count = parameter.elements() as usize;
            match parameter.sampler {
                Sampler::Constant { value: 0.0 } => Tensor::<1>::zeros([count], &device),
                Sampler::Constant { .. } => Tensor::ones([count], &device),
                _ => random(Distribution::Normal(0.0, 0.02), count),
            }
        };
        gpt2::parameters().iter().map(make).collect()
    };
    let to_end = |make: &dyn Fn() -> Vec<Tensor<1>>| {
        seconds(|| {
            black_box(make());
            device.sync().unwrap();
        })
    };
    let to_submitted = |make: &dyn Fn() -> Vec<Tensor<1>>| {
        let mut tensors = Vec::new();
        let taken = seconds(|| {
            tensors = make();
            device.flush().unwrap();
        });
        device.sync().unwrap();
        taken
    };
    serve("burn 0.22.1", |name, count| {
        Ok(match name {
            "normal" => to_end(&|| vec![random(Distribution::Normal(0.0, 1.0), count)]),
            "uniform" => to_end(&|| vec![random(Distribution::Uniform(0.0, 1.0), count)]),
            "submit" => to_submitted(&|| vec![random(Distribution::Normal(0.0, 1.0), count)]),
            "model" => to_end(&model),
            "submit-model" => to_submitted(&model),
            _ => bail!("burn does no {name}"),
        })
    })
}

/// numr on the first GPU.
pub(crate) fn numr() -> Result<()> {
    let client = WgpuRuntime::default_client(&WgpuDevice::new(0));
    serve("numr 0.14.0", |name, count| {
        let make = || match name {
            "normal" => Ok(client.philox_randn(&[count], 42, 0, DType::F32)?),
            "uniform" => Ok(client.philox_uniform(&[count], 42, 0, DType::F32)?),
            _ => bail!("numr does no {name}"),
        };
        Ok(seconds(|| {
            black_box(make().unwrap());
            client.synchronize();
        }))
    })
}
