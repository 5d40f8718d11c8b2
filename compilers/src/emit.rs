//! Writes the shaders as SPIR-V, with naga and the options that wgpu-hal's Vulkan backend gives it. The text is the
//! library's own, or is changed in a way that the comparison must notice.

use std::collections::HashMap;
use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use naga::back::{pipeline_constants, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

/// The change to the text before it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// Nothing: the text that the library runs.
    None,
    /// No barriers.
    Out,
    /// Two exclusive ors with one hidden word, as the earlier barriers could follow each other: they cancel.
    Cancelling,
    /// The sums of reflections in reverse order.
    Reversed,
}

// two of the earlier barriers, `x ^ zero`: `(x ^ zero) ^ zero` is `x` (docs/compilers.md)
const XOR: &str = "return bitcast<vec4<f32>>((bitcast<vec4<u32>>(x) ^ vec4(zero)) ^ vec4(zero));";

// `add_products` of shaders/reflectors.wgsl, from the last product to the first
const REVERSED: &str = "var s = sums;
    for (var d = DEPTH; d > 0u; d--) {
        let a = (d - 1u) * TILE + 4u * y;
        let b = (d - 1u) * TILE + 4u * x;
        let factors = vec4(right[b], right[b + 1u], right[b + 2u], right[b + 3u]);
        for (var i = 0u; i < 4u; i++) {
            s[i] = add_product(s[i], left[a + i], factors);
        }
    }
    return s;";

impl Change {
    /// The functions that are rewritten, each with its new body.
    const fn bodies(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::None => &[],
            // every function that rounds a product, so that none keeps a barrier in any form
            Self::Out => &[
                ("pin", "return x;"),
                ("rounded", "return product;"),
                ("mul_add", "return a * b + c;"),
                ("sub_mul", "return c - a * b;"),
            ],
            Self::Cancelling => &[
                ("pin", XOR),
                ("rounded", "return pin(product);"),
                ("mul_add", "return rounded(a * b) + c;"),
                ("sub_mul", "return c - rounded(a * b);"),
            ],
            Self::Reversed => &[("add_products", REVERSED)],
        }
    }

    /// Whether only code with fused products gives other values. The barriers keep products apart.
    pub(crate) const fn is_of_barriers(self) -> bool {
        matches!(self, Self::Out | Self::Cancelling)
    }

    /// The text with the change.
    pub(crate) fn apply(self, source: &str) -> Result<String> {
        self.bodies().iter().try_fold(source.to_owned(), |text, (name, body)| with_body(&text, name, body))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no change",
            Self::Out => "barriers taken out",
            Self::Cancelling => "barriers that cancel",
            Self::Reversed => "sums reversed",
        })
    }
}

/// Replaces the body of a function that the text must define exactly once.
fn with_body(text: &str, name: &str, body: &str) -> Result<String> {
    let head = format!("fn {name}(");
    let mut found = text.match_indices(&head);
    let (start, _) = found.next().with_context(|| format!("the shaders must have a function `{name}`"))?;
    // with two definitions the second would keep its barrier
    ensure!(found.next().is_none(), "the shaders must have the function `{name}` once");
    let open = start + text[start..].find('{').with_context(|| format!("the function `{name}` must have a body"))? + 1;
    let close = end_of_block(&text[open..]).with_context(|| format!("the function `{name}` must end"))?;
    // without this, a change that changes nothing would be reported as barriers that do not matter
    ensure!(text[open..open + close].trim() != body, "the body of `{name}` is `{body}` already, a change of nothing");
    Ok(format!("{}\n    {body}\n{}", &text[..open], &text[open + close..]))
}

/// The index of the brace that ends a block which was opened before the text.
fn end_of_block(text: &str) -> Option<usize> {
    // comments are not skipped: the functions that are replaced must have no unpaired brace in one
    let mut depth = 1;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// The shaders' text, parsed once for many pipelines.
pub(crate) struct Text {
    module: Module,
    info: ModuleInfo,
}

impl Text {
    pub(crate) fn new(source: &str) -> Result<Self> {
        let module = naga::front::wgsl::parse_str(source).map_err(|e| anyhow::anyhow!(e.emit_to_string(source)))?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_INT64).validate(&module);
        let info = info.map_err(|e| anyhow::anyhow!(e.emit_to_string(source)))?;
        Ok(Self { module, info })
    }

    /// The threads of a workgroup, all of them in x.
    pub(crate) fn workgroup(&self, entry_point: &str) -> Result<u32> {
        let found = self.module.entry_points.iter().find(|entry| entry.name == entry_point);
        let [threads, 1, 1] = found.with_context(|| format!("there is no entry point {entry_point}"))?.workgroup_size
        else {
            bail!("the threads of {entry_point} must be in x")
        };
        Ok(threads)
    }

    /// One pipeline's SPIR-V.
    pub(crate) fn spirv(&self, entry_point: &str, constants: &[(&'static str, f64)]) -> Result<Vec<u32>> {
        let constants: HashMap<String, f64> = constants.iter().map(|(name, value)| ((*name).into(), *value)).collect();
        // a misspelt name could otherwise leave an override at its default
        for name in constants.keys() {
            if !self.module.overrides.iter().any(|(_, found)| found.name.as_ref() == Some(name)) {
                bail!("the shaders must have the override `{name}`");
            }
        }
        let constants = constants.into_iter().collect();
        let entry = (ShaderStage::Compute, entry_point);
        let (module, info) = pipeline_constants::process_overrides(&self.module, &self.info, Some(entry), &constants)?;
        let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: entry_point.into() };
        Ok(spv::write_vec(&module, &info, &options(), Some(&pipeline))?)
    }
}

/// The options of wgpu-hal 30 (vulkan/adapter.rs, `naga_options`, and vulkan/device.rs, `compile_stage`) for a device
/// of Vulkan 1.3 with robustBufferAccess2 and 64-bit integers, which src/driver.rs makes sure of. They are those of
/// release builds, which have no debug information.
fn options() -> spv::Options<'static> {
    use spv::Capability;
    spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
        capabilities: Some([Capability::Shader, Capability::Int64].into_iter().collect()),
        // the driver checks buffers itself, by robustBufferAccess2
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        // the library's pipelines do not ask for zeroed memory
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: true,
        fake_missing_bindings: false,
        // as wgpu-hal numbers the bindings: src/driver.rs makes its layouts from the same numbers
        binding_map: [0, 1, 2]
            .map(|binding| {
                let info = spv::BindingInfo { descriptor_set: 0, binding, binding_array_size: None };
                (naga::ResourceBinding { group: 0, binding }, info)
            })
            .into(),
        use_storage_input_output_16: false,
        ..spv::Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_replaced_whole_and_nothing_else_is() {
        let text = "fn pin(x: f32) -> f32 {\n    if y {\n        return 1.0;\n    }\n    return x;\n}\nfn z() {}\n";
        let changed = with_body(text, "pin", "return 2.0;").unwrap();
        assert_eq!(changed, "fn pin(x: f32) -> f32 {\n    return 2.0;\n}\nfn z() {}\n");
        assert!(with_body(text, "rounded", "return x;").is_err());
        assert!(with_body(&text.repeat(2), "pin", "return 2.0;").is_err());
        assert!(with_body("fn pin(x: f32) { return x; }", "pin", "return x;").is_err());
    }

    #[test]
    fn changes_fit_the_shaders() {
        use seedtensors::gpu::Form;
        for form in [Form::SAFEST, Form::RADV, Form::NVK] {
            for change in [Change::Out, Change::Cancelling, Change::Reversed] {
                let text = Text::new(&change.apply(&form.source()).unwrap()).unwrap();
                assert_eq!(text.workgroup("reflect_solve").unwrap(), 64, "{form}, {change}");
            }
        }
    }
}
