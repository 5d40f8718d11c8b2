//! The effect of an initialiser on a deep network: pushes random inputs forward and random gradients back through 50
//! layers of 512 units, and draws the std of both by layer.
//!
//! `cargo run --release --example signal_propagation [FOLDER]` writes signal_propagation.svg and .png, into docs unless
//! a folder is given. tests/signal_propagation.rs asserts the papers' claims with the same code.
#![allow(
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a network of known sizes, an example prints"
)]

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use rayon::prelude::*;
use seedtensors::{Fill, Init, Key, Result, Sampler, Shape, cpu};

/// A layer's activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    #[allow(dead_code, reason = "the test's")]
    Linear,
    Tanh,
    Relu,
}

impl Activation {
    fn value(self, x: f32) -> f32 {
        match self {
            Self::Linear => x,
            Self::Tanh => x.tanh(),
            Self::Relu => x.max(0.0),
        }
    }

    /// The slope where the value is `y`.
    fn slope(self, y: f32) -> f32 {
        match self {
            Self::Linear => 1.0,
            Self::Tanh => 1.0 - y * y,
            Self::Relu => f32::from(u8::from(y > 0.0)),
        }
    }
}

/// A multi-layer perceptron without biases, all of whose layers are as wide.
pub(crate) struct Mlp {
    pub(crate) width: usize,
    pub(crate) activation: Activation,
    /// Each layer's (out, in) weight.
    pub(crate) weights: Vec<Vec<f32>>,
}

/// Rows of `width` values, one for each sample.
pub(crate) type Batch = Vec<Vec<f32>>;

/// `sum over k of a[k] rows[k]`: always in the same order, whatever the unit.
fn combine(a: &[f32], rows: &[f32]) -> Vec<f32> {
    let width = rows.len() / a.len();
    let mut sum = vec![0.0; width];
    for (a, row) in a.iter().zip(rows.chunks_exact(width)) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += a * value);
    }
    sum
}

fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    (0..matrix.len()).map(|i| matrix[i % width * width + i / width]).collect()
}

/// Standard normals.
pub(crate) fn normals(key: Key, samples: usize, width: usize) -> Result<Batch> {
    let fill = Fill::from_sampler(key, Sampler::Normal { mean: 0.0, std: 1.0 }, (samples * width) as u64);
    let values: Vec<f32> = cpu::tensor(&fill)?;
    Ok(values.chunks_exact(width).map(<[f32]>::to_vec).collect())
}

impl Mlp {
    /// A network whose weights have names, as a checkpoint's would.
    pub(crate) fn new(key: Key, init: Init, activation: Activation, depth: usize, width: usize) -> Result<Self> {
        let shape = Shape::new(&[width as u64, width as u64])?;
        let weight = |layer| cpu::tensor(&Fill::new(key.named(&format!("layers.{layer}.weight")), init, &shape)?);
        Ok(Self { width, activation, weights: (0..depth).map(weight).collect::<Result<_>>()? })
    }

    /// The activations behind every layer, the inputs first.
    pub(crate) fn forward(&self, inputs: Batch) -> Vec<Batch> {
        let mut layers = vec![inputs];
        for weight in &self.weights {
            let weight = transposed(weight, self.width);
            let unit = |x: &Vec<f32>| combine(x, &weight).into_iter().map(|y| self.activation.value(y)).collect();
            let outputs = layers[layers.len() - 1].par_iter().map(unit).collect();
            layers.push(outputs);
        }
        layers
    }

    /// The gradients by the sums that each layer's activation takes, the first layer's first.
    pub(crate) fn backward(&self, layers: &[Batch], outputs: Batch) -> Vec<Batch> {
        let mut gradients = Vec::new();
        let mut gradient = outputs;
        for (weight, layer) in self.weights.iter().zip(&layers[1..]).rev() {
            gradient.iter_mut().zip(layer).for_each(|(gradient, layer)| {
                gradient.iter_mut().zip(layer).for_each(|(g, &y)| *g *= self.activation.slope(y));
            });
            let before = gradient.par_iter().map(|g| combine(g, weight)).collect();
            gradients.push(std::mem::replace(&mut gradient, before));
        }
        gradients.reverse();
        gradients
    }

    /// Takes a step against the weights' gradients.
    #[allow(dead_code, reason = "the test's")]
    pub(crate) fn step(&mut self, layers: &[Batch], gradients: &[Batch], rate: f32) {
        for ((weight, inputs), gradients) in self.weights.iter_mut().zip(layers).zip(gradients) {
            for (input, gradient) in inputs.iter().zip(gradients) {
                for (row, g) in weight.chunks_exact_mut(self.width).zip(gradient) {
                    row.iter_mut().zip(input).for_each(|(w, x)| *w -= rate * g * x);
                }
            }
        }
    }
}

/// The mean of the squares.
pub(crate) fn second_moment(batch: &Batch) -> f64 {
    let count = batch.iter().map(Vec::len).sum::<usize>() as f64;
    batch.iter().flatten().map(|&value| f64::from(value).powi(2)).sum::<f64>() / count
}

#[allow(dead_code, reason = "the picture's, of which the test has no use")]
mod picture {
    use super::*;

    const DEPTH: usize = 50;
    const WIDTH: usize = 512;
    const SAMPLES: usize = 64;
    const RANGE: (f64, f64) = (1e-16, 1e11);

    fn schemes() -> [(&'static str, Init, RGBColor); 5] {
        [
            ("zeros (below the scale)", Init::zeros(), RGBColor(120, 120, 120)),
            ("too small (std 0.01)", Init::Normal { mean: 0.0, std: 0.01 }, RGBColor(0, 114, 178)),
            ("too large (std 0.1)", Init::Normal { mean: 0.0, std: 0.1 }, RGBColor(213, 94, 0)),
            ("Xavier", Init::xavier_normal().into(), RGBColor(0, 158, 115)),
            ("He", Init::he_normal().into(), RGBColor(204, 121, 167)),
        ]
    }

    /// The std by layer of the activations and of the gradients.
    fn spread(init: Init, activation: Activation) -> Result<[Vec<f64>; 2]> {
        let key = Key::new(42);
        let net = Mlp::new(key, init, activation, DEPTH, WIDTH)?;
        let layers = net.forward(normals(key.named("inputs"), SAMPLES, WIDTH)?);
        let gradients = net.backward(&layers, normals(key.named("gradients"), SAMPLES, WIDTH)?);
        let stds = |batches: &[Batch]| batches.iter().map(|batch| second_moment(batch).sqrt()).collect();
        Ok([stds(&layers[1..]), stds(&gradients)])
    }

    type Panels = Vec<(String, Vec<(&'static str, RGBColor, Vec<f64>)>)>;

    fn panels() -> Result<Panels> {
        let mut panels: Panels = Vec::new();
        for (name, activation) in [("tanh", Activation::Tanh), ("ReLU", Activation::Relu)] {
            let mut both = [Vec::new(), Vec::new()];
            for (scheme, init, colour) in schemes() {
                let stds = spread(init, activation)?;
                println!(
                    "{name}, {scheme}: std of the last activation {:.2e}, of the first gradient {:.2e}",
                    stds[0][DEPTH - 1],
                    stds[1][0]
                );
                both.iter_mut().zip(stds).for_each(|(lines, stds)| lines.push((scheme, colour, stds)));
            }
            let [activations, gradients] = both;
            panels.push((format!("{name}: activations, forward"), activations));
            panels.push((format!("{name}: gradients, backward"), gradients));
        }
        Ok(panels)
    }

    type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;

    fn draw<B: DrawingBackend>(area: &DrawingArea<B, Shift>, panels: &Panels) -> Drawn
    where
        B::ErrorType: 'static,
    {
        area.fill(&WHITE)?;
        let title = "Std by layer: 50 layers of 512 units, seed 42";
        let area = area.titled(title, ("sans-serif", 24))?;
        for (i, (area, (title, lines))) in area.split_evenly((2, 2)).iter().zip(panels).enumerate() {
            let mut chart = ChartBuilder::on(area)
                .caption(title, ("sans-serif", 18))
                .margin(12)
                .x_label_area_size(32)
                .y_label_area_size(60)
                .build_cartesian_2d(1..DEPTH as i32, (RANGE.0..RANGE.1).log_scale())?;
            chart
                .configure_mesh()
                .x_desc("layer")
                .y_label_formatter(&|y| format!("{y:.0e}"))
                .light_line_style(TRANSPARENT)
                .label_style(("sans-serif", 13))
                .draw()?;
            for (scheme, colour, stds) in lines {
                let points = (1..).zip(stds.iter().copied()).filter(|(_, std)| (RANGE.0..RANGE.1).contains(std));
                chart
                    .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                    .label(*scheme)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            }
            // one legend is enough, where no line passes
            if i > 0 {
                continue;
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(200, 200, 200))
                .label_font(("sans-serif", 13))
                .draw()?;
        }
        area.present()?;
        Ok(())
    }

    pub(super) fn write(folder: &Path) -> Drawn {
        plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
            .map_err(|_| "the font is damaged")?;
        let panels = panels()?;
        let size = (1100, 800);
        let (svg, png) = (folder.join("signal_propagation.svg"), folder.join("signal_propagation.png"));
        draw(&SVGBackend::new(&svg, size).into_drawing_area(), &panels)?;
        draw(&BitMapBackend::new(&png, size).into_drawing_area(), &panels)?;
        println!("wrote {} and {}", svg.display(), png.display());
        Ok(())
    }
}

#[allow(dead_code, reason = "the test that shares this file has no use for it")]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    picture::write(Path::new(&std::env::args().nth(1).unwrap_or_else(|| "docs".to_owned())))
}
