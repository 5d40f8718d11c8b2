//! Initialisers, as recipes write them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use toml::{Table, Value};

use crate::convert::toml;

/// An initialiser. `Init("normal", std=0.02)` has the names, the parameters and the defaults of recipes.
#[pyclass(frozen, eq, from_py_object, module = "seedtensors")]
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Init(pub(crate) seedtensors::Init);

#[pymethods]
impl Init {
    #[new]
    #[pyo3(signature = (name, **parameters))]
    fn new(name: &str, parameters: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let parameters = match parameters {
            None => Value::Table(Table::new()),
            Some(parameters) => toml(parameters)?,
        };
        let table = Value::Table(Table::from_iter([(name.to_owned(), parameters)]));
        let init =
            table.try_into().map_err(|error: toml::de::Error| PyValueError::new_err(error.message().to_owned()))?;
        Ok(Self(init))
    }

    /// The initialiser's name.
    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.table()?.0)
    }

    /// The parameters, with the defaults written out.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.table()?.1 {
            match value {
                Value::Float(value) => dict.set_item(name, value)?,
                Value::Integer(value) => dict.set_item(name, value)?,
                value => dict.set_item(name, value.as_str().unwrap_or_default())?,
            }
        }
        Ok(dict)
    }

    fn __repr__(&self) -> PyResult<String> {
        let (name, parameters) = self.table()?;
        let parameters = parameters.iter().map(|(name, value)| match value {
            Value::Float(value) => format!("{name}={value:?}"),
            value => format!("{name}={value}"),
        });
        Ok(format!("{name}({})", parameters.collect::<Vec<_>>().join(", ")))
    }

    fn __hash__(&self) -> PyResult<u64> {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.__repr__()?.hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let this = slf.get();
        let restore = slf.get_type().getattr("_restore")?;
        Ok((restore, (this.name()?, this.parameters(slf.py())?).into_pyobject(slf.py())?))
    }

    #[staticmethod]
    fn _restore(name: &str, parameters: &Bound<'_, PyDict>) -> PyResult<Self> {
        Self::new(name, Some(parameters))
    }
}

impl Init {
    /// The name, and the parameters as a recipe has them.
    fn table(&self) -> PyResult<(String, Table)> {
        let value = Value::try_from(self.0).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let Value::Table(table) = value else {
            return Err(PyValueError::new_err("an initialiser is a table of one name"));
        };
        let first = table.into_iter().next();
        let (name, value) = first.ok_or_else(|| PyValueError::new_err("an initialiser has a name"))?;
        let Value::Table(parameters) = value else {
            return Err(PyValueError::new_err("an initialiser's parameters are a table"));
        };
        Ok((name, parameters))
    }
}
