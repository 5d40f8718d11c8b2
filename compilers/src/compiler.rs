//! The compilers: each one's driver, the environment that starts it, and its output for SPIR-V.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use seedtensors::gpu::Form;

use crate::driver::{PIPELINE, STATISTIC, TEXT};

/// The instruction set of the machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// AMD's, as ACO disassembles it.
    Amd,
    /// NVIDIA's, as NAK lists it.
    Nvidia,
}

/// A driver on a device that only compiles.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    /// The name in the tables and in bounds.csv.
    pub(crate) name: &'static str,
    pub(crate) machine: Machine,
    /// Whether it fuses products into sums.
    pub(crate) fuses: bool,
    /// The form of the shaders that the library runs on it.
    pub(crate) form: Form,
    /// The environment variable that names the GPU to compile for, and its value.
    device: (&'static str, &'static str),
    mesa: Mesa,
}

/// The source of the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mesa {
    /// Debian 12's package, installed.
    Installed,
    /// Debian 13's, unpacked by scripts/mesa25 and not installed.
    Unpacked,
}

/// Tools that are unpacked and not installed: the script that runs a program on Mesa 25, and the library by which NVK
/// compiles without a GPU.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    pub(crate) mesa25: Option<PathBuf>,
    pub(crate) nvk_shim: Option<PathBuf>,
}

/// RADV's file in Debian's package.
const RADEON: &str = "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json";

const fn amd(name: &'static str, family: &'static str, fuses: bool, mesa: Mesa) -> Compiler {
    Compiler { name, machine: Machine::Amd, fuses, form: Form::RADV, device: ("RADV_FORCE_FAMILY", family), mesa }
}

const fn nvidia(name: &'static str, chipset: &'static str) -> Compiler {
    let device = ("NOUVEAU_CHIPSET", chipset);
    Compiler { name, machine: Machine::Nvidia, fuses: true, form: Form::NVK, device, mesa: Mesa::Unpacked }
}

const COMPILERS: [Compiler; 6] = [
    amd("RADV 22 navi21", "navi21", true, Mesa::Installed),
    // Mesa 22 knows navi31 by the name gfx1100
    amd("RADV 22 navi31", "gfx1100", true, Mesa::Installed),
    // v_mad rounds the product, so this compiler fuses nothing
    amd("RADV 22 vega10", "vega10", false, Mesa::Installed),
    amd("RADV 25 navi21", "navi21", true, Mesa::Unpacked),
    amd("RADV 25 navi31", "navi31", true, Mesa::Unpacked),
    // NOUVEAU_CHIPSET is hexadecimal: 172 is GA102 (scripts/nvk_shim)
    nvidia("NVK 25 GA102", "172"),
];

/// A pipeline's machine code, and the driver's statistics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) statistics: BTreeMap<String, f64>,
    /// The listing of the machine code.
    pub(crate) listing: String,
    /// Threads of a workgroup.
    pub(crate) workgroup: u32,
}

impl Compiled {
    /// The statistic of this name.
    pub(crate) fn statistic(&self, name: &str) -> Result<f64> {
        self.statistics.get(name).copied().with_context(|| format!("the driver must tell its `{name}`"))
    }
}

impl Compiler {
    /// The compilers whose drivers are present, and the names of the others.
    pub(crate) fn there(beside: &Beside) -> Result<(Vec<Self>, Vec<&'static str>)> {
        ensure!(Path::new(RADEON).exists(), "{RADEON} must be there: Debian 12's package mesa-vulkan-drivers has it");
        // Mesa 22 is required; what is missing of Mesa 25 is listed by main.rs and does not fail the run
        let (there, missing): (Vec<_>, Vec<_>) = COMPILERS.into_iter().partition(|compiler| {
            compiler.mesa == Mesa::Installed
                || (beside.mesa25.is_some() && (compiler.machine == Machine::Amd || beside.nvk_shim.is_some()))
        });
        Ok((there, missing.into_iter().map(|compiler| compiler.name).collect()))
    }

    /// This program, in the environment that loads the driver.
    fn command(&self, beside: &Beside) -> Result<Command> {
        let program = std::env::current_exe()?;
        let mut command = match (self.mesa, &beside.mesa25) {
            (Mesa::Installed, _) => {
                let mut command = Command::new(program);
                command.env("VK_DRIVER_FILES", RADEON).env("VK_ICD_FILENAMES", RADEON);
                command
            }
            (Mesa::Unpacked, Some(script)) => {
                let icd = if self.machine == Machine::Amd { "radeon" } else { "nouveau" };
                let mut command = Command::new(script);
                command.args(["--icd", icd]).arg(program);
                command
            }
            (Mesa::Unpacked, None) => bail!("{} needs scripts/mesa25", self.name),
        };
        if self.machine == Machine::Nvidia {
            // the variables of scripts/nvk_shim; scripts/mesa25 loads PRELOAD first
            let shim = beside.nvk_shim.as_ref().with_context(|| format!("{} needs scripts/nvk_shim", self.name))?;
            command.env("PRELOAD", shim).env("NVK_I_WANT_A_BROKEN_VULKAN_DRIVER", "1");
        }
        command.env(self.device.0, self.device.1);
        // no pipelines of an earlier run, and no error of Mesa's device chooser where there is no desktop session
        command.env("MESA_SHADER_CACHE_DISABLE", "true").env("NODEVICE_SELECT", "1");
        Ok(command)
    }

    /// Compiles SPIR-V files, each with its entry point, in one process.
    pub(crate) fn compile(&self, shaders: &[(PathBuf, &str)], beside: &Beside) -> Result<Vec<Compiled>> {
        let mut command = self.command(beside)?;
        command.arg("compile");
        for (file, entry_point) in shaders {
            command.arg(file).arg(entry_point);
        }
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: the driver's process failed ({}): {said}", self.name, output.status);
        let compiled = parse(&String::from_utf8(output.stdout)?).with_context(|| self.name)?;
        ensure!(compiled.len() == shaders.len(), "{}: {} of {} pipelines", self.name, compiled.len(), shaders.len());
        Ok(compiled)
    }
}

/// Reads the output of src/driver.rs.
fn parse(report: &str) -> Result<Vec<Compiled>> {
    let mut compiled: Vec<Compiled> = Vec::new();
    let mut listed = false;
    for line in report.lines() {
        if line.starts_with(PIPELINE) {
            compiled.push(Compiled::default());
            listed = false;
            continue;
        }
        // the line in front of the first pipeline names the device
        let Some(last) = compiled.last_mut() else { continue };
        if let Some(statistic) = line.strip_prefix(STATISTIC) {
            let (name, value) = statistic.split_once(" = ").context("a statistic must have a value")?;
            last.statistics.insert(name.to_owned(), value.parse()?);
        } else if let Some(name) = line.strip_prefix(TEXT) {
            // ACO's and NAK's names of the machine code; the driver's other texts are skipped
            listed = name == "Assembly" || name == "NAK assembly";
        } else if listed {
            last.listing.push_str(line);
            last.listing.push('\n');
        }
    }
    for pipeline in &compiled {
        ensure!(!pipeline.listing.is_empty(), "the driver must show the machine code");
    }
    Ok(compiled)
}
