//! Recipes, and the checkpoints that are written from them.

use std::path::PathBuf;

use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use seedtensors::{Arithmetic, Fans};
use seedtensors_checkpoint as checkpoint;
use seedtensors_checkpoint::{Backend, Checkpoint, Entry, MAX_SHARD_SIZE, Plan, Rank, Write, WriteError};

use crate::convert::{ShapeArguments, dtype, raise_all};
use crate::init::Init;

/// One tensor of a recipe.
#[pyclass(frozen, eq, from_py_object, module = "seedtensors")]
#[derive(Clone, PartialEq)]
pub(crate) struct TensorSpec(checkpoint::Tensor);

#[pymethods]
impl TensorSpec {
    #[new]
    fn new(name: String, dtype_name: &str, init: Init, shape: ShapeArguments, padding: Option<u64>) -> PyResult<Self> {
        let (dtype, shape) = (dtype(dtype_name)?, shape.shape()?);
        let (dtype, init) = (dtype.into(), init.0);
        Ok(Self(checkpoint::Tensor { name, shape, dtype, init, function: None, padding, shard: None }))
    }

    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn shape(&self) -> Vec<u64> {
        self.0.shape.dims().to_vec()
    }

    /// "f32", "f16", "bf16", or "i64" of a constant.
    #[getter]
    const fn dtype(&self) -> &'static str {
        self.0.dtype.name()
    }

    #[getter]
    const fn init(&self) -> Init {
        Init(self.0.init)
    }

    /// The function that the values of the initialiser go through, such as "log", or None.
    #[getter]
    fn function(&self) -> Option<&'static str> {
        self.0.function.map(checkpoint::Function::name)
    }

    /// The index in the first dimension that is zeros, or None.
    #[getter]
    const fn padding(&self) -> Option<u64> {
        self.0.padding
    }

    #[getter]
    const fn layout(&self) -> &'static str {
        self.0.shape.layout().name()
    }

    #[getter]
    const fn groups(&self) -> u64 {
        self.0.shape.groups()
    }

    #[getter]
    const fn transposed(&self) -> bool {
        self.0.shape.transposed()
    }

    /// The fans that were given, or None where they are the shape's.
    #[getter]
    fn fans(&self) -> Option<(u64, u64)> {
        self.0.shape.given_fans().map(|Fans { fan_in, fan_out }| (fan_in, fan_out))
    }

    fn __repr__(&self) -> String {
        format!("TensorSpec({:?}, {:?}, {:?})", self.0.name, self.0.shape.dims(), self.0.dtype.name())
    }
}

/// The tensors of a checkpoint.
#[pyclass(frozen, eq, module = "seedtensors")]
#[derive(PartialEq)]
pub(crate) struct Recipe(checkpoint::Recipe);

#[pymethods]
impl Recipe {
    /// The recipe of these tensors. It is checked as a recipe's text is.
    #[new]
    fn new(tensors: Vec<TensorSpec>) -> PyResult<Self> {
        let recipe = checkpoint::Recipe { tensors: tensors.into_iter().map(|tensor| tensor.0).collect() };
        // names that repeat, a padding that is no row and the like: the text's rules are these tensors' rules
        Self::parse(&recipe.to_string())
    }

    /// Reads a recipe's text.
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        checkpoint::Recipe::parse(text).map(Self).map_err(|error| raise_all(&error))
    }

    /// The recipe that rules give for tensors: (name, shape, dtype) each. `config` is the text of a config.json.
    #[staticmethod]
    #[pyo3(signature = (tensors, rules, config = None))]
    fn by_rules(
        tensors: Vec<(String, Vec<u64>, String)>,
        rules: &str,
        config: Option<&str>,
    ) -> PyResult<(Self, Vec<String>)> {
        let entry = |(name, shape, dtype_name): (String, Vec<u64>, String)| {
            let entry = Entry::without_bytes(name, dtype(&dtype_name)?, shape);
            entry.ok_or_else(|| PyValueError::new_err(format!("a file cannot hold {dtype_name}")))
        };
        let entries = tensors.into_iter().map(entry).collect::<PyResult<Vec<_>>>()?;
        let config = config.map(parse_config).transpose()?;
        let made = checkpoint::by_rules(|| entries.iter(), rules, config.as_ref(), None);
        let made = made.map_err(|error| raise_all(&error))?;
        Ok((Self(made.recipe), made.left_out))
    }

    /// The recipe of a model's configuration: the text of its config.json, and a style of initialisation.
    #[staticmethod]
    #[pyo3(signature = (config, style = "hf"))]
    fn from_config(py: Python<'_>, config: &str, style: &str) -> PyResult<Self> {
        let config = parse_config(config)?;
        let text = py.detach(|| checkpoint::render(&config, style, None)).map_err(|error| raise_all(&error))?;
        Self::parse(&text)
    }

    #[getter]
    fn tensors(&self) -> Vec<TensorSpec> {
        self.0.tensors.iter().cloned().map(TensorSpec).collect()
    }

    fn __len__(&self) -> usize {
        self.0.tensors.len()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Recipe of {} tensors>", self.0.tensors.len())
    }
}

/// The keys of a config.json, which may have Python's Infinity and NaN.
fn parse_config(text: &str) -> PyResult<checkpoint::Config> {
    let file = checkpoint::ConfigFile::parse(text);
    file.map(|file| file.keys().clone()).map_err(|error| PyValueError::new_err(format!("the config: {error}")))
}

/// Writes a checkpoint from a recipe, on every core of the CPU, with the bytes of `seedtensors init`. `rank` writes its
/// share of the files alone. Returns the names of this rank's files.
#[pyfunction]
#[pyo3(signature = (recipe, seed, out, *, max_shard_size = MAX_SHARD_SIZE, rank = 0, world_size = 1, force = false, resume = false, config = None))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments")]
pub(crate) fn write(
    py: Python<'_>,
    recipe: &Bound<'_, Recipe>,
    seed: u64,
    out: PathBuf,
    max_shard_size: u64,
    rank: usize,
    world_size: usize,
    force: bool,
    resume: bool,
    config: Option<&[u8]>,
) -> PyResult<Vec<String>> {
    if rank >= world_size {
        return Err(PyValueError::new_err(format!("a rank must be below the world size {world_size}, not {rank}")));
    }
    let recipe = &recipe.get().0;
    let plan = Plan::new(recipe, seed, Arithmetic::Exact, &out, max_shard_size, world_size);
    let plan = plan.map_err(|error| raise_all(&error))?;
    let how = Write { rank: Rank { rank, world_size }, config, force, resume, ..Write::new(&Backend::Cpu) };
    // Python's lock is taken for the question alone whether Ctrl-C was pressed
    let go_on = |_: checkpoint::Progress<'_>| Python::attach(|py| py.check_signals().is_ok());
    match py.detach(|| checkpoint::write(&plan, &how, &go_on)) {
        Ok(()) => {}
        Err(WriteError::Interrupted { .. }) => return Err(PyKeyboardInterrupt::new_err("the write was interrupted")),
        Err(error) => return Err(raise_all(&error)),
    }
    Ok(plan.files.iter().filter(|file| file.rank == rank).map(|file| file.name.clone()).collect())
}

/// Fills every tensor of a checkpoint again by its record and compares it bit by bit. Returns the number of tensors, their
/// bytes, the seed, and every difference as a sentence; the checkpoint is right where there is none.
#[pyfunction]
pub(crate) fn verify(py: Python<'_>, path: PathBuf) -> PyResult<(usize, u64, u64, Vec<String>)> {
    let opened = Checkpoint::open(&path).map_err(|error| raise_all(&error))?;
    let verified = py.detach(|| checkpoint::verify(&opened, None, &Backend::Cpu, &|_| true));
    let verified = verified.map_err(|error| raise_all(&error))?;
    let findings = verified.findings.iter().map(ToString::to_string).collect();
    Ok((verified.tensors, verified.bytes, verified.seed, findings))
}
