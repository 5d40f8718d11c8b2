//! `seedtensors initialisers`.

use std::io::Write as _;

use seedtensors_checkpoint::INITIALISERS;

use crate::print;

pub(crate) fn run() -> anyhow::Result<()> {
    let mut out = print::out();
    for initialiser in INITIALISERS {
        writeln!(out, "{}", initialiser.names.join(", "))?;
        let elsewhere = [("PyTorch", initialiser.pytorch), ("JAX", initialiser.jax)];
        // a label without a text is left out: no such function there, or no parameters
        let lines = [("values", initialiser.formula), ("parameters", initialiser.parameters)];
        for (label, text) in lines.into_iter().chain(elsewhere).filter(|(_, text)| !text.is_empty()) {
            writeln!(out, "    {label:<11} {text}")?;
        }
    }
    writeln!(out)?;
    writeln!(out, "modes: fan_in, fan_out, fan_avg, fan_geo_avg")?;
    writeln!(
        out,
        "gains: linear, conv, sigmoid, tanh, relu, leaky_relu (0.01), selu, a number, {{ leaky_relu = slope }}"
    )?;
    writeln!(
        out,
        "distributions: uniform, normal, truncated_normal (cut at 2 std, the variance kept: JAX's and Keras's normal)"
    )?;
    writeln!(
        out,
        "in a recipe: init = \"he_normal\", or init = {{ he_normal = {{ mode = \"fan_out\", gain = \"tanh\" }} }}"
    )?;
    Ok(())
}
