//! The parameters of a model, found and checked before the first is filled.

use std::collections::{HashMap, HashSet};

use burn::module::{ModuleVisitor, Param, ParamId};
use burn::tensor::{Shape as BurnShape, Tensor};
use seedtensors::{Init, Shape};

use crate::create::{dtype_of, param_dtype};
use crate::layers::{Convention, Drawn, Place, Step};
use crate::rules::Outcome;
use crate::{Error, Parameter, Result, Seed};

/// Collects the parameters of a model.
pub(crate) struct Planner<'a> {
    seed: &'a Seed,
    /// The path of the present module.
    path: Vec<Step>,
    /// The last weight: the path of its module, and the shape that it is drawn in.
    weight: Option<(String, Shape)>,
    /// The first parameter of each id.
    first: HashMap<ParamId, First>,
    /// The names so far.
    names: HashSet<String>,
    /// The parameters so far, or the first error.
    found: Result<Vec<Parameter>>,
}

/// A parameter that later ones may be clones of.
struct First {
    name: String,
    /// Its shape in memory.
    dims: Vec<u64>,
    /// None where a rule leaves it out, and with it its clones.
    parameter: Option<Parameter>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(seed: &'a Seed) -> Self {
        let (first, names) = Default::default();
        Self { seed, path: Vec::new(), weight: None, first, names, found: Ok(Vec::new()) }
    }

    /// The parameters, in the model's order.
    pub(crate) fn finish(self) -> Result<Vec<Parameter>> {
        self.found
    }

    /// The parameter at the present path; none where a rule leaves it out.
    fn parameter<const D: usize>(&mut self, param: &Param<Tensor<D>>) -> Result<Option<Parameter>> {
        let convention = self.seed.convention;
        let (path, name) = (path_of(&self.path), convention.name(&self.path));
        let module = path_of(&self.path[..self.path.len().saturating_sub(1)]);
        let weight = self.weight.as_ref().filter(|(of, _)| *of == module).map(|(_, shape)| shape);
        let place = Place { path: &self.path, dims: &[], is_column: false, weight };
        let (is_weight, is_linear) = (place.name() == "weight", D == 2 && place.module() == Some("Linear"));
        let is_column = is_linear && is_weight && is_column(param);
        let mut dims: Vec<u64> = param.lazy_shape().iter().map(|&dim| dim as u64).collect();
        // once it exists, a weight of column layout is seen as (in, out)
        if is_column && param.is_initialized() {
            dims.reverse();
        }
        let place = Place { dims: &dims, is_column, ..place };
        // a rule makes up for a default that does not suit the shape
        let (shape, default) = match place.drawn(convention) {
            Ok(Drawn { shape, init }) => (shape, Ok(init)),
            Err(error) => (Shape::new(&dims)?, Err(of(&name, error))),
        };
        let dtype = || dtype_of(param_dtype(param), &name);
        let parameter: Option<Result<Parameter>> = match self.first.get(&param.id) {
            // a clone has the values of the first, and needs no rule
            Some(first) => first.original(&name, &dims)?.map(|first| {
                let (name, clone_of) = (name.clone(), Some(first.path.clone()));
                Ok(Parameter { name, path, dtype: dtype()?, is_column, clone_of, ..first.clone() })
            }),
            None => self.init(&name, &place, default)?.map(|init| {
                let (key_name, name, shape) = (name.clone(), name.clone(), shape.clone());
                let is_transposed = is_column || is_linear && is_weight && convention == Convention::PyTorch;
                let (dtype, clone_of) = (dtype()?, None);
                Ok(Parameter { name, key_name, path, shape, init, dtype, is_transposed, is_column, clone_of })
            }),
        };
        // for the bias, also where a rule leaves the weight out
        if is_weight {
            self.weight = Some((module, shape));
        }
        let parameter = parameter.transpose()?.map(check).transpose()?;
        if parameter.is_some() && !self.names.insert(name.clone()) {
            return Err(Error::SameName { name });
        }
        let first = First { name, dims, parameter: parameter.clone() };
        self.first.entry(param.id).or_insert(first);
        Ok(parameter)
    }

    /// The initialiser by the rules, or by default; none where a rule leaves the parameter out.
    fn init(&self, name: &str, place: &Place<'_>, default: Result<Option<Init>>) -> Result<Option<Init>> {
        let rules = &self.seed.rules;
        let no_rule = || Error::NoRule {
            name: name.to_owned(),
            shape: place.dims.to_vec(),
            module: place.module().unwrap_or("a reparameterisation").to_owned(),
        };
        match rules.first(name, place.dims.len()) {
            Some(Outcome::Skip) => Ok(None),
            Some(Outcome::Init(init)) => Ok(Some(init)),
            None if !rules.has_defaults() => {
                Err(Error::NoDefaults { name: name.to_owned(), shape: place.dims.to_vec() })
            }
            None => default?.ok_or_else(no_rule).map(Some),
        }
    }
}

impl First {
    /// The parameter whose values a clone of this name and shape has.
    fn original(&self, name: &str, dims: &[u64]) -> Result<Option<&Parameter>> {
        if self.dims == dims || self.parameter.is_none() {
            return Ok(self.parameter.as_ref());
        }
        let (first, first_shape) = (self.name.clone(), self.dims.clone());
        Err(Error::CloneShape { name: name.to_owned(), shape: dims.to_vec(), first, first_shape })
    }
}

/// Refuses an initialiser that does not fit the shape or the dtype.
fn check(parameter: Parameter) -> Result<Parameter> {
    match parameter.init.sampler(&parameter.shape).and_then(|sampler| sampler.check(parameter.dtype)) {
        Ok(()) => Ok(parameter),
        Err(source) => Err(of(&parameter.name, source.into())),
    }
}

/// An error of the library, with the parameter's name.
fn of(name: &str, error: Error) -> Error {
    match error {
        Error::Fill(source) => Error::Parameter { name: name.to_owned(), source },
        other => other,
    }
}

impl ModuleVisitor for Planner<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(Step { name: name.to_owned(), container: container.to_owned() });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.found.is_err() {
            return;
        }
        match (self.parameter(param), &mut self.found) {
            (Ok(parameter), Ok(found)) => found.extend(parameter),
            (Err(error), found) => *found = Err(error),
            (Ok(_), Err(_)) => {}
        }
    }
}

/// The path with dots, as burn-store writes it.
pub(crate) fn path_of(path: &[Step]) -> String {
    path.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(".")
}

impl Convention {
    /// The name of the parameter at a path.
    fn name(self, path: &[Step]) -> String {
        let Some((last, _)) = path.split_last().filter(|_| self == Self::PyTorch) else { return path_of(path) };
        let is_variant = |step: &&Step| step.container.starts_with("Enum:");
        let mut names: Vec<&str> =
            path.iter().filter(|step| !is_variant(step)).map(|step| step.name.as_str()).collect();
        // the norms whose parameters burn-store's adapter renames
        let is_renamed = matches!(
            last.container.as_str(),
            "Struct:BatchNorm" | "Struct:LayerNorm" | "Struct:GroupNorm" | "Struct:RmsNorm"
        );
        let renamed = match last.name.as_str() {
            "gamma" if is_renamed => Some("weight"),
            "beta" if is_renamed => Some("bias"),
            _ => None,
        };
        if let (Some(renamed), Some(name)) = (renamed, names.last_mut()) {
            *name = renamed;
        }
        names.join(".")
    }
}

/// Whether loading a weight transposes it: that of a linear layer of column layout.
// the layout is kept in a closure of the parameter alone, which a tensor of 1 x 2 elements shows
fn is_column<const D: usize>(param: &Param<Tensor<D>>) -> bool {
    let probe = Tensor::<D>::empty(BurnShape::from(vec![1, 2]), &param.lazy_device());
    param.clone().transform_for_load(probe, param.id).lazy_shape().as_slice() == [2, 1]
}
