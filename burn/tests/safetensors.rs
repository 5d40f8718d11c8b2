//! A model that burn-store saves is the file that the command writes.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore};
use burn::tensor::Device;
use common::{Net, found};
use safetensors::SafeTensors;
use seedtensors_burn::seedtensors::Arithmetic;
use seedtensors_burn::{Convention, Seed};
use seedtensors_checkpoint::{Backend, MAX_SHARD_SIZE, Plan, Recipe, Write, write};

/// The tensors of a file: shape and bytes by name.
fn tensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec()))).collect()
}

/// Saves a model as the convention says.
fn save(model: &Net, convention: Convention, path: &Path) {
    let store = SafetensorsStore::from_file(path);
    let mut store = match convention {
        Convention::PyTorch => store.with_to_adapter(BurnToPyTorchAdapter),
        _ => store,
    };
    model.save_into(&mut store).unwrap();
}

/// Writes the command's file of the model's recipe.
fn write_recipe(seed: &Seed, model: &Net, path: &Path) {
    let recipe = Recipe::parse(&seed.recipe(model).unwrap()).unwrap();
    let plan = Plan::new(&recipe, 42, Arithmetic::Exact, path, MAX_SHARD_SIZE, 1).unwrap();
    write(&plan, &Write::new(&Backend::Cpu), &|_| true).unwrap();
}

fn compare(name: &str, device: &Device, seed: &Seed) {
    for convention in [Convention::Burn, Convention::PyTorch] {
        let folder = tempfile::tempdir().unwrap();
        let (saved, written) = (folder.path().join("saved.safetensors"), folder.path().join("written.safetensors"));
        let seed = seed.clone().with_convention(convention);
        write_recipe(&seed, &Net::new(device), &written);
        let model = seed.init(Net::new(device)).unwrap();
        save(&model, convention, &saved);
        let (mut saved, written_tensors) = (tensors(&saved), tensors(&written));
        // the one parameter that is a clone, and which the recipe leaves out
        assert_eq!(saved.remove("tied.weight"), written_tensors.get("embedding.weight").cloned());
        // a column layout is (out, in) in burn's file, which the adapter transposes like any other linear layer
        if convention == Convention::PyTorch {
            assert_eq!(saved.remove("column.weight").unwrap().0, [12, 20]);
        }
        let mut compared = written_tensors.clone();
        if convention == Convention::PyTorch {
            assert_eq!(compared.remove("column.weight").unwrap().0, [20, 12]);
        }
        let elements: usize = compared.values().map(|(_, bytes)| bytes.len() / 4).sum();
        let differing = compared.iter().filter(|(name, tensor)| saved.get(*name) != Some(tensor)).count();
        eprintln!(
            "{convention:?}, {name}: {} tensors, {elements} elements, {differing} tensors differ",
            compared.len()
        );
        assert!(saved.keys().eq(compared.keys()) && differing == 0);
    }
}

#[test]
fn a_saved_model_is_the_commands_file() {
    compare("flex", &Device::flex(), &Seed::new(42));
    #[cfg(feature = "wgpu")]
    compare("wgpu", common::shared().device(), &Seed::new(42).with_device(common::shared()));
}

#[test]
fn the_commands_file_loads_as_the_initialised_model() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let seed = Seed::new(42).with_convention(Convention::PyTorch);
    write_recipe(&seed, &Net::new(&device), &path);
    let mut loaded = Net::new(&device);
    let mut store = SafetensorsStore::from_file(&path).with_from_adapter(PyTorchToBurnAdapter).allow_partial(true);
    // the clone and the column layout have no counterpart in the file
    store = store.with_predicate(|name, _| !name.starts_with("tied") && !name.starts_with("column.weight"));
    loaded.load_from(&mut store).unwrap();
    let expected = found(&seed.init(Net::new(&device)).unwrap());
    let compared = found(&loaded).into_iter().zip(expected);
    let compared = compared.filter(|(a, _)| a.path != "tied.weight" && a.path != "column.weight");
    assert_eq!(compared.map(|(a, b)| assert_eq!(a.bits, b.bits, "{}", a.path)).count(), 113);
}
