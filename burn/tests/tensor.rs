//! Single tensors: in place on a shared device, new ones everywhere.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod common;

use burn::tensor::{DType, Device, Tensor};
use common::bits;
use seedtensors_burn::Seed;
use seedtensors_burn::seedtensors::{Dtype, Fill, Init, Key, Shape, cpu};

const NORMAL: Init = Init::Normal { mean: 0.5, std: 2.0 };

/// The bits that the CPU computes.
fn expected(name: &str, init: Init, dims: &[u64], dtype: Dtype) -> Vec<u32> {
    let fill = Fill::new(Key::new(42).named(name), init, &Shape::new(dims).unwrap()).unwrap();
    let mut bytes = vec![0; (fill.elements() * dtype.size()) as usize];
    cpu::fill_bytes(&fill, dtype, &mut bytes).unwrap();
    match dtype.size() {
        2 => bytes.chunks_exact(2).map(|b| u32::from(u16::from_ne_bytes([b[0], b[1]]))).collect(),
        _ => bytes.chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect(),
    }
}

#[test]
fn new_tensors_on_a_cpu_backend() {
    let seed = Seed::new(42);
    for (of, dtype) in [(DType::F32, Dtype::F32), (DType::F16, Dtype::F16), (DType::BF16, Dtype::BF16)] {
        for dims in [[7, 3], [0, 3], [1, 1001]] {
            let tensor: Tensor<2> = seed.tensor("w", NORMAL, dims, (&Device::flex(), of)).unwrap();
            assert_eq!((tensor.dims(), tensor.dtype()), (dims, of));
            assert_eq!(bits(&tensor), expected("w", NORMAL, &dims.map(|dim| dim as u64), dtype));
        }
    }
    let refused = seed.tensor::<1>("w", NORMAL, [3], (&Device::flex(), DType::F64)).unwrap_err();
    assert_eq!(refused.to_string(), "a tensor's dtype must be f32, f16 or bf16, not f64 (w)");
    let refused = seed.tensor::<1>("w", Init::Normal { mean: 0.0, std: -1.0 }, [3], &Device::flex()).unwrap_err();
    assert!(refused.to_string().contains("-1"), "{refused}");
}

#[test]
fn a_tensor_keeps_its_gradient_and_its_clones() {
    let device = Device::flex().autodiff();
    let zeros = Tensor::<2>::zeros([3, 4], &device).require_grad();
    let filled = Seed::new(42).fill(zeros.clone(), "w", NORMAL).unwrap();
    assert!(filled.is_require_grad() && bits(&zeros).iter().all(|&bits| bits == 0));
    assert_eq!(bits(&filled), expected("w", NORMAL, &[3, 4], Dtype::F32));
    let constant = Seed::new(42).fill(Tensor::<2>::zeros([3, 4], &device), "w", NORMAL).unwrap();
    assert!(!constant.is_require_grad());
    // a transposed tensor is filled in the order of its dimensions
    let filled = Seed::new(42).fill(zeros.transpose(), "w", NORMAL).unwrap();
    assert_eq!((filled.dims(), bits(&filled)), ([4, 3], expected("w", NORMAL, &[4, 3], Dtype::F32)));
}

#[cfg(feature = "wgpu")]
mod gpu {
    use super::*;
    use common::{burns_own, shared};
    use seedtensors_burn::{Error, SharedDevice};

    fn fill(init: Init, dims: &[u64]) -> Fill {
        Fill::new(Key::new(42).named("w"), init, &Shape::new(dims).unwrap()).unwrap()
    }

    #[test]
    fn fills_are_in_order_with_burns_work_and_touch_no_neighbour() {
        let device = shared().device();
        for round in 0..8_u64 {
            let around: Vec<_> = (0..5).map(|_| Tensor::<2>::ones([33, 7], device)).collect();
            // zeros that burn has recorded and perhaps not submitted
            let tensor = Tensor::<2>::zeros([51, 7], device);
            let before = tensor.clone() + 1.0;
            let init = Init::Normal { mean: 0.0, std: 1.0 + round as f64 };
            shared().fill(&tensor, &fill(init, &[51, 7])).unwrap();
            let doubled = tensor.clone() * 2.0;
            let expected = expected("w", init, &[51, 7], Dtype::F32);
            assert!(bits(&before).iter().all(|&bits| bits == 1.0_f32.to_bits()));
            assert_eq!(bits(&tensor), expected);
            let twice: Vec<u32> = expected.iter().map(|&bits| (2.0 * f32::from_bits(bits)).to_bits()).collect();
            assert_eq!(bits(&doubled), twice);
            assert!(around.iter().all(|tensor| bits(tensor).iter().all(|&bits| bits == 1.0_f32.to_bits())));
        }
    }

    #[test]
    fn every_dtype_in_place() {
        let device = shared().device();
        let seed = Seed::new(42).with_device(shared());
        assert!(seed.fills_in_place(device) && !seed.fills_in_place(&burns_own()));
        // a device without arithmetic in bf16 stores it nevertheless
        for (of, dtype) in [(DType::F32, Dtype::F32), (DType::F16, Dtype::F16), (DType::BF16, Dtype::BF16)] {
            for dims in [[7, 3], [0, 3], [1, 1001]] {
                let tensor: Tensor<2> = seed.tensor("w", NORMAL, dims, (device, of)).unwrap();
                assert_eq!(bits(&tensor), expected("w", NORMAL, &dims.map(|dim| dim as u64), dtype));
            }
        }
    }

    #[test]
    fn every_kind_of_initialiser() {
        let seed = Seed::new(42).with_device(shared());
        let inits = [Init::Uniform { low: -1.0, high: 3.0 }, Init::Orthogonal { gain: 2.0 }, Init::Eye { gain: 1.0 }];
        for init in inits.into_iter().chain([Init::Sparse { sparsity: 0.5, std: 1.0 }, Init::ones()]) {
            let tensor: Tensor<2> = seed.tensor("w", init, [24, 40], shared().device()).unwrap();
            assert_eq!(bits(&tensor), expected("w", init, &[24, 40], Dtype::F32), "{init:?}");
        }
    }

    #[test]
    fn a_shard_of_a_tensor() {
        let shape = Shape::new(&[16, 10]).unwrap();
        let whole = expected("w", NORMAL, &[16, 10], Dtype::F32);
        let shard = fill(NORMAL, &[16, 10]).shard(&shape.shard(&[4, 2], &[3, 5]).unwrap()).unwrap();
        let tensor = Tensor::<2>::empty([3, 5], shared().device());
        shared().fill(&tensor, &shard).unwrap();
        let rows: Vec<u32> = (4..7).flat_map(|row| whole[row * 10 + 2..row * 10 + 7].to_vec()).collect();
        assert_eq!(bits(&tensor), rows);
    }

    #[test]
    fn clones_share_an_in_place_fill_and_seed_fill_keeps_them_apart() {
        let device = shared().device().clone().autodiff();
        let tensor = Tensor::<1>::zeros([100], &device).require_grad();
        let clone = tensor.clone();
        let expected = expected("w", NORMAL, &[100], Dtype::F32);
        let filled = Seed::new(42).with_device(shared()).fill(tensor, "w", NORMAL).unwrap();
        assert!(filled.is_require_grad());
        assert_eq!((bits(&filled), bits(&clone)), (expected.clone(), vec![0; 100]));
        shared().fill(&clone, &fill(NORMAL, &[100])).unwrap();
        assert_eq!(bits(&clone), expected);
        // a leaf: its gradient is that of its own uses
        let gradients = (clone.clone() * 3.0).sum().backward();
        assert_eq!(clone.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap(), [3.0; 100]);
    }

    #[test]
    fn seed_fill_leaves_what_shares_the_tensors_memory() {
        let seed = Seed::new(42).with_device(shared());
        let whole = Tensor::<2>::ones([64, 64], shared().device());
        let expected = expected("w", NORMAL, &[4096], Dtype::F32);
        assert_eq!(bits(&seed.fill(whole.clone().reshape([4096]), "w", NORMAL).unwrap()), expected);
        assert_eq!(
            bits(&seed.fill(whole.clone().slice([0..32, 0..64]).reshape([2048]), "w", NORMAL).unwrap()),
            expected[..2048]
        );
        assert!(bits(&whole).iter().all(|&bits| bits == 1.0_f32.to_bits()));
    }

    #[test]
    fn tensors_that_cannot_be_filled_in_place_are_refused() {
        let device = shared().device();
        let refused = |shared: &SharedDevice, tensor: &Tensor<2>, dims| shared.fill(tensor, &fill(NORMAL, dims));
        let tensor = Tensor::<2>::ones([4, 6], device);
        let error = refused(shared(), &tensor, &[4, 5]).unwrap_err();
        assert_eq!(error.to_string(), "a fill of 20 elements needs a tensor of as many, not of shape [4, 6]");
        let error = refused(shared(), &tensor.clone().transpose(), &[6, 4]).unwrap_err();
        assert_eq!(error, Error::NotContiguous { shape: vec![6, 4], strides: vec![1, 6] });
        assert!(bits(&tensor).iter().all(|&bits| bits == 1.0_f32.to_bits()));
        let flex = Tensor::<2>::ones([4, 6], &Device::flex());
        let error = refused(shared(), &flex, &[4, 6]).unwrap_err();
        assert!(
            error.to_string().starts_with("a tensor that is filled in place must be on the shared device, not on ")
        );
        let own = Tensor::<2>::ones([4, 6], &burns_own());
        assert!(matches!(refused(shared(), &own, &[4, 6]), Err(Error::OtherDevice { .. })));
    }

    #[test]
    fn a_device_that_burn_uses_cannot_be_opened_again() {
        let tensor = Tensor::<1>::ones([1], &burns_own());
        assert_eq!(tensor.into_scalar::<f32>(), 1.0);
        let error = SharedDevice::open(burn::tensor::DeviceKind::Cpu).unwrap_err();
        assert!(matches!(error, Error::Open { .. }));
        assert!(error.to_string().contains("open it before the first tensor"), "{error}");
        // its tensors get the same bits from the CPU
        let tensor: Tensor<2> = Seed::new(42).with_device(shared()).tensor("w", NORMAL, [7, 3], &burns_own()).unwrap();
        assert_eq!(bits(&tensor), expected("w", NORMAL, &[7, 3], Dtype::F32));
    }

    #[test]
    fn burns_selector_of_the_same_kind_is_the_shared_device() {
        let device = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
        assert_eq!(&device, shared().device());
    }
}
