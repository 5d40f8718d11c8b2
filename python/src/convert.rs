//! Python's values as the library's, and the library's errors as Python's.

use std::str::FromStr;

use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use seedtensors::{Dtype, Error, Fans, Shape, UnknownName};
use toml::{Table, Value};

/// Bad input is a `ValueError` with the library's sentence, a lack of memory a `MemoryError`.
pub(crate) fn raise(error: &Error) -> PyErr {
    match error {
        Error::NoMemory { .. } => PyMemoryError::new_err(error.to_string()),
        error => PyValueError::new_err(error.to_string()),
    }
}

/// Any other error, with the errors that caused it.
pub(crate) fn raise_all(error: &dyn std::error::Error) -> PyErr {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message += &format!(": {cause}");
        source = cause.source();
    }
    PyValueError::new_err(message)
}

/// A dtype by its name: "f32", "f16" or "bf16".
pub(crate) fn dtype(name: &str) -> PyResult<Dtype> {
    named(name)
}

/// A value of the library by its name.
fn named<T: FromStr<Err = UnknownName>>(name: &str) -> PyResult<T> {
    name.parse().map_err(|error: UnknownName| PyValueError::new_err(error.to_string()))
}

/// A shape, and the properties of its layer: (dims, layout, groups, transposed, fans).
#[derive(FromPyObject)]
pub(crate) struct ShapeArguments(Vec<u64>, String, u64, bool, Option<(u64, u64)>);

impl ShapeArguments {
    pub(crate) fn shape(&self) -> PyResult<Shape> {
        let Self(dims, layout, groups, transposed, fans) = self;
        let layout = named(layout)?;
        let shape = Shape::new(dims).map_err(|error| raise(&error))?;
        let shape = shape.with_layout(layout).with_groups(*groups).with_transposed(*transposed);
        Ok(match *fans {
            Some((fan_in, fan_out)) => shape.with_fans(Fans { fan_in, fan_out }),
            None => shape,
        })
    }
}

/// A Python value as TOML's, for parameters of initialisers.
pub(crate) fn toml(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    // `bool` is a subclass of `int`, so it comes first
    if value.is_instance_of::<PyBool>() {
        return value.extract().map(Value::Boolean);
    }
    if value.is_instance_of::<PyInt>() {
        // an integer beyond 64 bits is a float's value
        return value.extract().map(Value::Integer).or_else(|_| value.extract().map(Value::Float));
    }
    if value.is_instance_of::<PyString>() {
        return value.extract().map(Value::String);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut table = Table::new();
        for (name, value) in dict {
            table.insert(name.extract()?, toml(&value)?);
        }
        return Ok(Value::Table(table));
    }
    // numpy's scalars are floats by their method __float__
    if value.is_instance_of::<PyFloat>() || value.hasattr("__float__")? {
        return value.extract().map(Value::Float);
    }
    Err(PyTypeError::new_err(format!("a parameter is a number, a name or a table, not {}", value.repr()?)))
}
