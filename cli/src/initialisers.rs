//! `seedtensors initialisers`.

use seedtensors_checkpoint::INITIALISERS;

pub(crate) fn run() {
    for initialiser in INITIALISERS {
        println!("{}", initialiser.names.join(", "));
        let elsewhere = [("PyTorch", initialiser.pytorch), ("JAX", initialiser.jax)];
        let lines = [("values", initialiser.formula), ("parameters", initialiser.parameters)];
        for (label, text) in lines.into_iter().chain(elsewhere).filter(|(_, text)| !text.is_empty()) {
            println!("    {label:<11} {text}");
        }
    }
    println!();
    println!("modes: fan_in, fan_out, fan_avg, fan_geo_avg");
    println!("gains: linear, conv, sigmoid, tanh, relu, leaky_relu (0.01), selu, a number, {{ leaky_relu = slope }}");
    println!(
        "distributions: uniform, normal, truncated_normal (cut at 2 std, the variance kept: JAX's and Keras's normal)"
    );
    println!(
        "in a recipe: init = \"he_normal\", or init = {{ he_normal = {{ mode = \"fan_out\", gain = \"tanh\" }} }}"
    );
}
