//! Histograms of tensors, and the densities that their initialisers promise.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::{Histogram, Law, Statistics};

/// Panels beside each other.
const COLUMNS: usize = 4;
/// A panel's width and height in pixels.
const PANEL: (u32, u32) = (320, 220);

/// The histogram of a tensor.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The tensor's name.
    pub name: String,
    /// Its values in numbers.
    pub statistics: Statistics,
    /// Their counts.
    pub histogram: Histogram,
    /// What was promised.
    pub law: Option<Law>,
}

/// Draws panels, four a row, into an `.svg` or `.png` file.
///
/// # Errors
///
/// Another ending than these two, and whatever drawing gives.
pub fn plot(path: &Path, panels: &[Panel]) -> Result<(), Box<dyn Error + Send + Sync>> {
    // a second registration of the same font does no harm
    plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the font is damaged")?;
    let columns = panels.len().clamp(1, COLUMNS);
    let rows = panels.len().div_ceil(columns).max(1);
    let across = |count: usize, size: u32| u32::try_from(count).map(|count| count * size);
    let size = (across(columns, PANEL.0)?, across(rows, PANEL.1)?);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => draw(&SVGBackend::new(path, size).into_drawing_area(), panels, (rows, columns)),
        Some("png") => draw(&BitMapBackend::new(path, size).into_drawing_area(), panels, (rows, columns)),
        _ => Err(format!("a plot is an .svg or .png file, not {}", path.display()).into()),
    }
}

fn draw<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    panels: &[Panel],
    grid: (usize, usize),
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    B::ErrorType: 'static,
{
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly(grid).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    root.present()?;
    Ok(())
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    panel: &Panel,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    B::ErrorType: 'static,
{
    let Histogram { low, high, counts } = &panel.histogram;
    let (low, high) = (*low, *high);
    let width = (high - low) / counts.len() as f64;
    let heights = counts.iter().map(|&count| count as f64 / (panel.statistics.count * width));
    let density = |x: f64| panel.law.map_or(0.0, |law| law.density(x));
    let points = (0..=200).map(|i| low + (high - low) * f64::from(i) / 200.0);
    let curve: Vec<(f64, f64)> = points.map(|x| (x, density(x))).collect();
    let top = heights.clone().chain(curve.iter().map(|point| point.1)).fold(0.0, f64::max) * 1.05;
    let std = panel.statistics.std();
    let promised = panel.law.map_or_else(String::new, |law| format!(", promised {}", Short(law.std)));
    // what fits above a panel
    let name: String = panel.name.chars().skip(panel.name.chars().count().saturating_sub(44)).collect();
    let area = area.titled(&name, ("sans-serif", 11))?;
    let area = area.titled(&format!("std {}{promised}", Short(std)), ("sans-serif", 10))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .x_label_area_size(18)
        .y_label_area_size(30)
        .build_cartesian_2d(low..high, 0.0..top)?;
    chart.configure_mesh().disable_mesh().x_labels(4).y_labels(3).label_style(("sans-serif", 9)).draw()?;
    let bars = heights.enumerate().map(|(i, height)| {
        let left = low + i as f64 * width;
        Rectangle::new([(left, 0.0), (left + width, height)], RGBColor(120, 160, 210).filled())
    });
    chart.draw_series(bars)?;
    if panel.law.is_some() {
        chart.draw_series(LineSeries::new(curve, RGBColor(200, 60, 40).stroke_width(2)))?;
    }
    Ok(())
}

/// A number in four digits.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if (1e-3..1e4).contains(&self.0.abs()) || self.0 == 0.0 {
            write!(f, "{:.5}", self.0)
        } else {
            write!(f, "{:.3e}", self.0)
        }
    }
}
