//! The shaders as naga reads them: valid, and the same numbers and layouts as in Rust.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

mod common;

use std::collections::BTreeMap;

use common::parse;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{Expression, Literal, Module, ScalarKind, TypeInner};
use seedtensors::gpu::Form;
use seedtensors::testing;

/// The module's scalar constants by name, as bits.
fn constants(module: &Module) -> BTreeMap<String, u32> {
    let value = |init| match module.global_expressions[init] {
        Expression::Literal(Literal::F32(v)) => v.to_bits(),
        Expression::Literal(Literal::U32(v)) => v,
        ref other => panic!("{other:?} is no f32 or u32"),
    };
    module.constants.iter().filter_map(|(_, c)| Some((c.name.clone()?, value(c.init)))).collect()
}

#[test]
fn all_forms_parse_and_only_the_safest_needs_no_64_bit_integers() {
    for form in [Form::SAFEST, Form::SAFEST_U64, Form::RADV, Form::NVK, Form::LLVMPIPE] {
        parse(form);
    }
    let source = Form::SAFEST_U64.source();
    let module = naga::front::wgsl::parse_str(&source).unwrap();
    let without = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
    assert!(without.is_err(), "u64 is validated without SHADER_INT64");
}

#[test]
fn constants_equal_rust() {
    let (module, _) = parse(Form::SAFEST);
    let mut rust: BTreeMap<String, u32> = BTreeMap::new();
    for (name, bits) in testing::constants() {
        assert!(rust.insert(name.to_owned(), bits).is_none(), "{name} stands twice");
    }
    assert_eq!(constants(&module), rust);
}

#[test]
fn struct_offsets_equal_rust() {
    let (module, _) = parse(Form::SAFEST);
    for (name, rust, size) in testing::structs() {
        let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
        let TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is no struct") };
        let wgsl: Vec<_> = members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
        assert_eq!(wgsl, rust, "{name}");
        assert_eq!(*span as usize, size, "size of {name}");
    }
}

#[test]
fn workgroups_bindings_and_overrides_are_those_that_the_host_gives() {
    let (module, _) = parse(Form::SAFEST);
    let entries: Vec<_> = module.entry_points.iter().map(|e| (e.name.as_str(), e.workgroup_size)).collect();
    let size = [testing::WORKGROUP_SIZE, 1, 1];
    let expected = [
        ("fill_orthogonal", size),
        ("fill_slots", size),
        ("fill_words", size),
        ("fill_scattered", size),
        ("fill_runs", size),
        ("fill_boundaries", size),
        ("reflect_squares", [64, 1, 1]),
        ("reflect_heads", [16, 1, 1]),
        ("reflect_vectors", [64, 1, 1]),
        ("reflect_gram", [256, 1, 1]),
        ("reflect_sides", [256, 1, 1]),
        ("reflect_solve", [64, 1, 1]),
        ("reflect_update", [256, 1, 1]),
    ];
    assert_eq!(entries, expected);
    let bindings: Vec<_> =
        module.global_variables.iter().filter_map(|(_, v)| v.binding.map(|b| (b.group, b.binding))).collect();
    assert_eq!(bindings, [(0, 0), (0, 2), (0, 1), (0, 1), (0, 0), (0, 1)]);
    let overrides: Vec<_> = module.overrides.iter().map(|(_, o)| o.name.as_deref().unwrap()).collect();
    assert_eq!(
        overrides,
        ["PRODUCTS", "SAMPLER", "DTYPE", "COORDINATES", "WIDE", "STRUCTURE", "FAR", "STRADDLE", "EVEN"]
    );
}

/// WGSL sets a variable without an initial value to 0 each time that it is declared. Chromium 156 does so in the first
/// turn of a loop alone, and so did naga (wgpu issue 9489). So variables in loops have initial values.
#[test]
fn variables_in_loops_have_initial_values() {
    let source = Form::SAFEST.source();
    let declared: Vec<&str> = source.lines().filter(|line| line.trim_start().starts_with("var ")).collect();
    let bare = declared.iter().filter(|line| line.contains(':') && !line.contains('='));
    // a function's own variables are indented by four spaces, those in its loops by more
    let nested: Vec<_> = bare.clone().filter(|line| line.starts_with("     ")).collect();
    assert!(nested.is_empty(), "no initial value: {nested:?}");
    assert!(bare.count() > 5, "{declared:?}");
}

/// The exact path may use no function whose error WGSL leaves to the implementation, and no division.
#[test]
fn the_exact_path_only_adds_multiplies_and_moves_bits() {
    use naga::{BinaryOperator, MathFunction};
    let (module, info) = parse(Form::SAFEST_U64);
    let mut seen = 0;
    for (handle, function) in module.functions.iter() {
        let name = function.name.as_deref().unwrap();
        for (expression, e) in function.expressions.iter() {
            let float = info[handle][expression].ty.inner_with(&module.types).scalar_kind() == Some(ScalarKind::Float);
            match e {
                Expression::Math { fun, .. } if name != "box_muller_native" => {
                    assert!(matches!(fun, MathFunction::Min | MathFunction::Fma), "{name} uses {fun:?}");
                }
                Expression::Binary { op: BinaryOperator::Divide | BinaryOperator::Modulo, .. } => {
                    assert!(!float, "{name} divides");
                }
                _ => {}
            }
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} expressions seen");
}
