//! The steps of a fill for WebGPU, as objects of JavaScript.

use js_sys::{Array, Object, Reflect, Uint8Array};
use seedtensors::dispatch::{Form, Limits, Step, steps, word_steps};
use seedtensors::testing::{PROBE_KEY, long_probes};
use seedtensors::{Key, Sampler};
use wasm_bindgen::prelude::*;

use crate::fill::Elements;

/// The form of the shaders. WebGPU has no 64-bit integers, and tells nothing of the compiler.
pub(crate) const FORM: Form = Form::SAFEST;

/// The steps that fill elements from byte `offset` of a buffer on, as `Plan` of web/src/gpu.ts. Undefined where the
/// CPU must compute the elements: for an orthogonal matrix that is too large for the device.
///
/// # Errors
///
/// The library's, for what does not describe a fill, and for parameters that the dtype cannot hold.
#[wasm_bindgen(js_name = fillSteps)]
pub fn fill_steps(
    description: JsValue,
    dtype: &str,
    offset: f64,
    binding: f64,
    alignment: u32,
    workgroups: u32,
) -> Result<JsValue, String> {
    let (elements, dtype) = Elements::read_typed(description, dtype)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "JavaScript has checked the numbers")]
    let (offset, max_storage_buffer_binding_size) = (offset as u64, binding as u64);
    let limits = Limits {
        max_storage_buffer_binding_size,
        min_storage_buffer_offset_alignment: alignment,
        max_compute_workgroups_per_dimension: workgroups,
    };
    let found = match elements {
        Elements::Fill(fill) => steps(&fill, dtype, offset, &limits, FORM),
        Elements::Words(key, start, count) => word_steps(key, start, count, offset, &limits, FORM).map(Some),
    };
    let Some(found) = found.map_err(|error| error.to_string())? else { return Ok(JsValue::UNDEFINED) };
    let list: Array = found.steps.iter().map(object).collect();
    Ok(record(&[("scratch", number(found.scratch)), ("steps", list.into())]))
}

/// The fills that a device is checked with: descriptions with their dtypes.
#[wasm_bindgen(js_name = checkFills)]
#[must_use]
pub fn check_fills() -> Array {
    long_probes()
        .iter()
        .map(|probe| {
            let description = description(PROBE_KEY, probe.sampler(), probe.count);
            record(&[("fill", description), ("dtype", probe.dtype.name().into())])
        })
        .collect()
}

/// The description of a sampler's first elements.
fn description(key: Key, sampler: Option<Sampler>, count: u64) -> JsValue {
    let key: Array = [key.seed, key.offset].into_iter().map(JsValue::from).collect();
    let mut fields = vec![("key", key.into()), ("shape", record(&[("dims", Array::of1(&number(count)).into())]))];
    if let Some(sampler) = sampler {
        // an initialiser of the same parameters; they are f32
        let [name, parameters] = match sampler {
            Sampler::Constant { value } => ["constant".into(), record(&[("value", value.into())])],
            Sampler::Uniform { low, high } => ["uniform".into(), record(&[("low", low.into()), ("high", high.into())])],
            Sampler::Normal { mean, std } => ["normal".into(), record(&[("mean", mean.into()), ("std", std.into())])],
            Sampler::TruncatedNormal { mean, std, low, high } => {
                let window = [("mean", mean.into()), ("std", std.into()), ("low", low.into()), ("high", high.into())];
                ["truncated_normal".into(), record(&window)]
            }
            _ => [JsValue::UNDEFINED, JsValue::UNDEFINED],
        };
        let init = Object::new();
        set(&init, &name, &parameters);
        fields.push(("init", init.into()));
    }
    record(&fields)
}

fn object(step: &Step) -> JsValue {
    let constants: Vec<_> = step.constants.iter().map(|&(name, value)| (name, value.into())).collect();
    let binding = [("offset", number(step.binding.start)), ("size", number(step.binding.end - step.binding.start))];
    let grid: Array = step.grid.into_iter().map(JsValue::from).collect();
    record(&[
        ("entryPoint", step.entry_point.into()),
        ("constants", record(&constants)),
        ("params", Uint8Array::from(&step.params[..]).into()),
        ("binding", record(&binding)),
        ("grid", grid.into()),
        ("writesScratch", step.writes_scratch.into()),
        ("readsScratch", step.reads_scratch.into()),
    ])
}

/// An object of these properties.
fn record(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, &(*name).into(), value);
    }
    object.into()
}

fn set(object: &Object, name: &JsValue, value: &JsValue) {
    // fails for a proxy or a frozen object alone
    let _ = Reflect::set(object, name, value);
}

/// A number below 2^53.
#[expect(clippy::cast_precision_loss, reason = "JavaScript's numbers")]
fn number(value: u64) -> JsValue {
    (value as f64).into()
}
