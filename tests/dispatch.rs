//! The GPU's work as plain data: what is refused, and which bytes the steps bind.

use seedtensors::dispatch::{Form, Limits, steps, word_steps};
use seedtensors::{Dtype, Error, Fill, Init, Key, Result, Shape};

fn fill(dims: &[u64]) -> Fill {
    Fill::new(Key::new(1), Init::he_normal(), &Shape::new(dims).unwrap()).unwrap()
}

fn refused(offset: u64, limits: &Limits) -> Error {
    steps(&fill(&[1, 2]), Dtype::F32, offset, limits, Form::SAFEST).unwrap_err()
}

#[test]
fn an_offset_that_is_not_of_whole_words_or_a_range_that_ends_behind_2_to_the_63_is_refused() {
    let limits = Limits::default();
    assert_eq!(refused(2, &limits), Error::MisalignedRange { offset: 2 });
    let last = u64::MAX - 3;
    assert_eq!(
        refused(last, &limits).to_string(),
        format!("byte {last} + 2 elements of f32 is more than an integer can count")
    );
    for offset in [(1 << 63) - 4, u64::MAX - 255] {
        assert!(matches!(refused(offset, &limits), Error::ShapeOverflow { .. }));
    }
    let largest = steps(&fill(&[1, 2]), Dtype::F32, (1 << 63) - 8, &limits, Form::SAFEST).unwrap().unwrap();
    assert_eq!(largest.steps.last().unwrap().binding.end, 1 << 63);
    assert!(matches!(word_steps(Key::new(1), 0, 2, last, &limits, Form::SAFEST), Err(Error::ShapeOverflow { .. })));
    assert!(matches!(word_steps(Key::new(1), u64::MAX, 2, 0, &limits, Form::SAFEST), Err(Error::ShapeOverflow { .. })));
    assert!(matches!(word_steps(Key::new(1), 0, u64::MAX, 0, &limits, Form::SAFEST), Err(Error::ShapeOverflow { .. })));
}

#[test]
fn limits_that_no_device_has_are_refused() {
    let refused = |limits| match refused(0, &limits) {
        Error::DeviceLimit { limit, found, needed } => (limit, found, needed),
        other => panic!("{other}"),
    };
    let limits = Limits::default();
    for (found, needed) in [(0, 1), (20, 32), (u32::MAX, 1 << 32)] {
        let alignment = Limits { min_storage_buffer_offset_alignment: found, ..limits };
        assert_eq!(refused(alignment), ("min_storage_buffer_offset_alignment", found.into(), needed));
    }
    for found in [0, 1023] {
        let workgroups = Limits { max_compute_workgroups_per_dimension: found, ..limits };
        assert_eq!(refused(workgroups), ("max_compute_workgroups_per_dimension", found.into(), 1024));
    }
    let binding = Limits { max_storage_buffer_binding_size: 255, ..limits };
    assert_eq!(refused(binding), ("max_storage_buffer_binding_size", 255, 256));
}

#[test]
fn the_bindings_are_the_bytes_of_the_fill_within_the_limits() -> Result<()> {
    let limits = Limits { max_storage_buffer_binding_size: 1 << 16, ..Limits::default() };
    for (dtype, elements, offset) in [(Dtype::F32, 100_001, 12), (Dtype::BF16, 100_001, 256), (Dtype::F16, 7, 4)] {
        let end = (offset + elements * dtype.size()).next_multiple_of(4);
        let found = steps(&fill(&[1, elements]), dtype, offset, &limits, Form::SAFEST)?.unwrap();
        assert_eq!(found.scratch, 0);
        let mut bindings: Vec<_> = found.steps.into_iter().map(|step| step.binding).collect();
        bindings.dedup();
        assert!(bindings.iter().all(|range| range.start % 256 == 0 && range.end - range.start <= 1 << 16));
        assert!(bindings[0].start <= offset && bindings[0].end > offset);
        assert_eq!(bindings.last().unwrap().end, end);
        // one follows the other
        assert!(bindings.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
    Ok(())
}
