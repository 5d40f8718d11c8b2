//! Sizes of the shaders: SPIR-V instructions of the functions that a fill consists of, with everything that they call.
//! Times on a shared machine are noise; these counts are not. scripts/instructions counts the CPU's.

mod common;

use std::collections::BTreeMap;

use naga::back::spv;
use seedtensors::gpu::Form;

/// Instructions of a function, and the functions that it calls.
#[derive(Default)]
struct Function {
    instructions: usize,
    calls: Vec<u32>,
}

/// The functions by their names, each with its instructions and those of what it calls.
fn lengths(form: Form) -> BTreeMap<String, usize> {
    let (module, info) = common::parse(form);
    // any will do: every branch is counted
    let constants = module.overrides.iter().map(|(_, constant)| (constant.name.clone().unwrap(), 0.0)).collect();
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants).unwrap();
    let options = spv::Options { flags: spv::WriterFlags::DEBUG, ..spv::Options::default() };
    let words = spv::write_vec(&module, &info, &options, None).unwrap();

    let (mut names, mut functions) = (BTreeMap::new(), BTreeMap::<u32, Function>::new());
    let mut current = None;
    let mut rest = &words[5..];
    while let [first, ..] = rest {
        let (instruction, tail) = rest.split_at((first >> 16) as usize);
        match first & 0xffff {
            5 => {
                let bytes: Vec<u8> = instruction[2..].iter().flat_map(|word| word.to_le_bytes()).collect();
                let name = bytes.split(|byte| *byte == 0).next().unwrap();
                names.insert(instruction[1], String::from_utf8(name.to_vec()).unwrap());
            }
            54 => current = Some(instruction[2]),
            56 => current = None,
            opcode => {
                if let Some(function) = current.map(|id| functions.entry(id).or_default()) {
                    function.instructions += 1;
                    if opcode == 57 {
                        function.calls.push(instruction[3]);
                    }
                }
            }
        }
        rest = tail;
    }
    fn whole(functions: &BTreeMap<u32, Function>, id: u32) -> usize {
        let function = &functions[&id];
        function.instructions + function.calls.iter().map(|call| whole(functions, *call)).sum::<usize>()
    }
    functions.keys().map(|id| (names[id].clone(), whole(&functions, *id))).collect()
}

/// No function exceeds its bound, and no bound is more than a twentieth above its function: a function that got shorter
/// lowers its bound.
#[test]
fn shaders_are_no_longer_than_they_were() {
    let bounds = [
        (Form::SAFEST_U64, "philox4x32_10", 775),
        (Form::SAFEST, "philox4x32_10", 1055),
        (Form::SAFEST_U64, "box_muller", 1435),
        (Form::SAFEST_U64, "box_muller_native", 49),
        (Form::SAFEST_U64, "normal_values", 66),
        (Form::SAFEST_U64, "uniform_values", 75),
        (Form::SAFEST_U64, "central_values", 923),
        (Form::SAFEST_U64, "truncated_values", 1724),
        (Form::SAFEST_U64, "skewed_place", 195),
        (Form::SAFEST_U64, "far_values", 1469),
        (Form::SAFEST_U64, "narrow_values", 441),
        (Form::SAFEST_U64, "round_f16", 21),
        (Form::SAFEST_U64, "round_bf16", 10),
    ];
    let (u64, u16) = (lengths(Form::SAFEST_U64), lengths(Form::SAFEST));
    let length = |form, name| if form == Form::SAFEST_U64 { u64[name] } else { u16[name] };
    let wrong: Vec<_> = bounds
        .into_iter()
        .map(|(form, name, bound)| (form, name, bound, length(form, name)))
        .filter(|(_, _, bound, length)| length > bound || length * 20 < bound * 19)
        .collect();
    assert!(wrong.is_empty(), "form, function, bound, length: {wrong:#?}");
}
