//! Giving the parameters of a model their values.

use std::any::Any;
use std::collections::{HashMap, HashSet};

use burn::module::{ModuleMapper, Param, ParamId};
use burn::tensor::{Tensor, TensorCreationOptions};

use crate::create::{burn_dims, param_dtype};
use crate::{Parameter, Result, Seed};

/// Replaces the values of planned parameters.
pub(crate) struct Mapper<'a> {
    seed: &'a Seed,
    /// The path of the present module.
    path: Vec<String>,
    /// The planned parameters, by path.
    planned: HashMap<String, Parameter>,
    /// The paths of parameters that have clones.
    originals: HashSet<String>,
    /// The values of parameters that have clones: as drawn, and as the parameter has them.
    shared: HashMap<ParamId, Box<dyn Any>>,
    /// The first error; what follows it stays as it was.
    done: Result<()>,
}

/// A tensor as it was drawn, and as its parameter has it: loaded, and part of a graph.
type Values<const D: usize> = (Tensor<D>, Tensor<D>);

impl<'a> Mapper<'a> {
    pub(crate) fn new(seed: &'a Seed, parameters: Vec<Parameter>) -> Self {
        let originals = parameters.iter().filter_map(|parameter| parameter.clone_of.clone()).collect();
        let planned = parameters.into_iter().map(|parameter| (parameter.path.clone(), parameter)).collect();
        Self { seed, path: Vec::new(), planned, originals, shared: HashMap::new(), done: Ok(()) }
    }

    pub(crate) fn finish(self) -> Result<()> {
        self.done
    }

    /// A new tensor of the parameter's values, with the dimensions that are drawn.
    fn draw<const D: usize>(&self, param: &Param<Tensor<D>>, parameter: &Parameter) -> Result<Tensor<D>> {
        let (fill, dims) = (parameter.fill(self.seed.key())?, burn_dims(parameter.shape.dims())?);
        let device = param.lazy_device();
        let options: TensorCreationOptions = (&device, param_dtype(param)).into();
        let draw = |()| self.seed.create::<D>(&fill, &parameter.name, &dims, &options);
        // a weight is kept where burn keeps its own: in memory that is not looked through for other tensors
        if !parameter.is_transposed || parameter.is_column {
            return device.memory_persistent_allocations((), draw);
        }
        // a copy, so that the weight has the layout that burn's own has; nothing is computed, so no bit changes
        let transposed = draw(())?.transpose();
        let dims = transposed.dims();
        let copy = |transposed: Tensor<D>| {
            Tensor::<D>::empty(dims, options.clone()).slice_assign(dims.map(|dim| 0..dim), transposed)
        };
        Ok(device.memory_persistent_allocations(transposed, copy))
    }

    /// The values of the first parameter of this one's id, where this one can share their memory.
    fn known<const D: usize>(&self, param: &Param<Tensor<D>>) -> Option<Values<D>> {
        let (drawn, values) = self.shared.get(&param.id)?.downcast_ref::<Values<D>>()?.clone();
        let (device, other) = (drawn.device(), param.lazy_device());
        // burn's equality of devices leaves out the graph
        let is_alike = device == other && device.is_autodiff() == other.is_autodiff();
        (is_alike && drawn.dtype() == param_dtype(param)).then_some((drawn, values))
    }

    /// The parameter with other values.
    fn with_values<const D: usize>(param: Param<Tensor<D>>, drawn: Tensor<D>, is_column: bool) -> Param<Tensor<D>> {
        if !param.is_initialized() {
            // what burn would have drawn is dropped with its closure
            let id = param.id;
            return param.transform_for_load(drawn, id);
        }
        let drawn = if is_column { drawn.transpose() } else { drawn };
        let requires_grad = param.is_require_grad();
        param.map(|_| if requires_grad { drawn.require_grad() } else { drawn })
    }
}

impl ModuleMapper for Mapper<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // a parameter that a rule leaves out is not planned
        let Some(parameter) = self.planned.remove(&self.path.join(".")).filter(|_| self.done.is_ok()) else {
            return param;
        };
        if let Some((drawn, values)) = self.known(&param) {
            // first as if it were drawn, for what the parameter itself knows, then with the very tensor of the other
            let param = Self::with_values(param, drawn, parameter.is_column);
            let requires_grad = param.is_require_grad();
            return param.map(|_| match values.is_require_grad() == requires_grad {
                true => values,
                // its own place in the graph
                false => values.detach().set_require_grad(requires_grad),
            });
        }
        match self.draw(&param, &parameter) {
            Ok(drawn) => {
                let id = param.id;
                let param = Self::with_values(param, drawn.clone(), parameter.is_column);
                if self.originals.contains(&parameter.path) {
                    self.shared.insert(id, Box::new((drawn, param.val())));
                }
                param
            }
            Err(error) => {
                self.done = Err(error);
                param
            }
        }
    }
}
