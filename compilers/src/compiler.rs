//! The compilers: which driver, how it is started, and what it makes of SPIR-V.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::driver::{PIPELINE, STATISTIC, TEXT};

/// What the machine code is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// AMD's, as ACO disassembles it.
    Amd,
}

/// A driver on a device that only compiles.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    /// As the tables have it.
    pub(crate) name: &'static str,
    pub(crate) machine: Machine,
    /// Whether it fuses products into sums.
    pub(crate) fuses: bool,
    /// What the driver is to take the device for.
    family: &'static str,
    /// The driver's file, or its name on other libraries.
    driver: Driver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// Of the system.
    System(&'static str),
    /// Of Debian 13, through scripts/mesa25.
    Mesa25(&'static str),
}

const RADEON: Driver = Driver::System("/usr/share/vulkan/icd.d/radeon_icd.x86_64.json");
const RADEON_25: Driver = Driver::Mesa25("radeon");

/// Every compiler that is known.
const fn amd(name: &'static str, family: &'static str, fuses: bool, driver: Driver) -> Compiler {
    Compiler { name, machine: Machine::Amd, fuses, family, driver }
}

const COMPILERS: [Compiler; 5] = [
    amd("RADV 22 navi21", "navi21", true, RADEON),
    amd("RADV 22 navi31", "gfx1100", true, RADEON),
    // v_mad rounds the product
    amd("RADV 22 vega10", "vega10", false, RADEON),
    amd("RADV 25 navi21", "navi21", true, RADEON_25),
    amd("RADV 25 navi31", "navi31", true, RADEON_25),
];

/// A pipeline's machine code, and what the driver counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) statistics: BTreeMap<String, f64>,
    /// The listing of the machine code.
    pub(crate) listing: String,
}

impl Compiled {
    /// A number that the driver tells by this name.
    pub(crate) fn statistic(&self, name: &str) -> Result<f64> {
        self.statistics.get(name).copied().with_context(|| format!("the driver must tell its `{name}`"))
    }
}

impl Compiler {
    /// Those whose drivers are there, and the names of the others.
    pub(crate) fn there(mesa25: Option<&Path>) -> Result<(Vec<Self>, Vec<&'static str>)> {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for compiler in COMPILERS {
            match compiler.driver {
                Driver::System(file) => {
                    ensure!(
                        Path::new(file).exists(),
                        "{} must be there: install mesa-vulkan-drivers of Debian 12, as scripts/compilers does",
                        file
                    );
                    there.push(compiler);
                }
                Driver::Mesa25(_) if mesa25.is_some() => there.push(compiler),
                Driver::Mesa25(_) => missing.push(compiler.name),
            }
        }
        Ok((there, missing))
    }

    /// Compiles SPIR-V files, each with its entry point, in one process of the driver's own.
    pub(crate) fn compile(&self, shaders: &[(PathBuf, &str)], mesa25: Option<&Path>) -> Result<Vec<Compiled>> {
        let program = std::env::current_exe()?;
        let mut command = match (self.driver, mesa25) {
            (Driver::System(file), _) => {
                let mut command = Command::new(program);
                command.env("VK_DRIVER_FILES", file).env("VK_ICD_FILENAMES", file);
                command
            }
            (Driver::Mesa25(icd), Some(script)) => {
                let mut command = Command::new(script);
                command.args(["--icd", icd]).arg(program);
                command
            }
            (Driver::Mesa25(_), None) => bail!("{} needs scripts/mesa25", self.name),
        };
        command.env("RADV_FORCE_FAMILY", self.family);
        command.env("MESA_SHADER_CACHE_DISABLE", "true").env("NODEVICE_SELECT", "1").arg("compile");
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

/// Reads what src/driver.rs prints.
fn parse(report: &str) -> Result<Vec<Compiled>> {
    let mut compiled: Vec<Compiled> = Vec::new();
    let mut listed = false;
    for line in report.lines() {
        if line.starts_with(PIPELINE) {
            compiled.push(Compiled::default());
            listed = false;
            continue;
        }
        let Some(last) = compiled.last_mut() else { continue };
        if let Some(statistic) = line.strip_prefix(STATISTIC) {
            let (name, value) = statistic.split_once(" = ").context("a statistic must have a value")?;
            last.statistics.insert(name.to_owned(), value.parse()?);
        } else if let Some(name) = line.strip_prefix(TEXT) {
            listed = name == "Assembly";
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
