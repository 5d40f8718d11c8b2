//! Draws histograms of tensors, and the densities that their initialisers should give.

use std::io;
use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::*;
use tempfile::TempPath;

use crate::expected::Expected;
use crate::files::inspect::Histogram;
use crate::files::statistics::Statistics;
use crate::printable::printable;

/// The number of panels in a row.
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
    /// The values that its initialiser should give.
    pub expected: Option<Expected>,
}

/// The reason why a plot cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// A file of another ending.
    #[error("a plot is an .svg or .png file, not {0}")]
    Ending(PathBuf),
    /// A file that cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// More panels than a drawing can have.
    #[error("a drawing of {0} panels is too large")]
    TooMany(usize),
    /// An error of the drawing library.
    #[error("{0}")]
    Draw(String),
}

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for PlotError {
    fn from(error: DrawingAreaErrorKind<E>) -> Self {
        Self::Draw(error.to_string())
    }
}

/// Draws panels, four a row, into an `.svg` or `.png` file, which is replaced when the drawing is whole. Names are made
/// safe as [`printable`] does it.
///
/// # Errors
///
/// Every [`PlotError`].
pub fn plot(path: &Path, panels: &[Panel]) -> Result<(), PlotError> {
    // the font comes with the binary, so that no system font is needed; a second registration does no harm
    plotters::style::register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| PlotError::Draw("the font is damaged".to_owned()))?;
    let columns = panels.len().clamp(1, COLUMNS);
    let rows = panels.len().div_ceil(columns).max(1);
    let too_many = || PlotError::TooMany(panels.len());
    // checked: a drawing of thousands of panels overflows 32 bits of pixels
    let across = |count: usize, size: u32| {
        u32::try_from(count).ok().and_then(|count| count.checked_mul(size)).ok_or_else(too_many)
    };
    let size = (across(columns, PANEL.0)?, across(rows, PANEL.1)?);
    // drawn beside the final name: an error leaves the old file as it was
    let (part, grid) = (part(path)?, (rows, columns));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => draw(&SVGBackend::new(&part, size).into_drawing_area(), panels, grid)?,
        Some("png") => draw(&BitMapBackend::new(&part, size).into_drawing_area(), panels, grid)?,
        _ => return Err(PlotError::Ending(path.to_owned())),
    }
    part.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file beside the final one, with the same ending, that is removed unless it replaces it.
fn part(path: &Path) -> std::io::Result<TempPath> {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let suffix = format!(".{ending}");
    let mut builder = tempfile::Builder::new();
    builder.prefix(".plot.").suffix(&suffix);
    #[cfg(unix)]
    // a temporary file is private; a plot is an ordinary file, whose permissions the umask sets
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    Ok(builder.tempfile_in(folder)?.into_temp_path())
}

/// Draws all panels.
fn draw<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    panels: &[Panel],
    grid: (usize, usize),
) -> Result<(), PlotError>
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

/// Draws the bars of a histogram, the expected density as a line, and two lines of text above.
fn draw_panel<B: DrawingBackend>(area: &DrawingArea<B, Shift>, panel: &Panel) -> Result<(), PlotError>
where
    B::ErrorType: 'static,
{
    let axis = Axis::of(&panel.histogram);
    let Histogram { low, high, counts } = &panel.histogram;
    let bins = counts.len() as f64;
    // in units of the uniform density over the range
    let heights = counts.iter().map(|&count| count as f64 * bins / panel.statistics.count);
    // the same unit for the curve: bars and curve then share the axis
    let density = |x: f64| panel.expected.map_or(0.0, |expected| expected.density(x) * (high - low));
    let points = (0..=200).map(|i| f64::from(i) / 200.0);
    let points = points.map(|part| (axis.x(part), axis.y(density(low + (high - low) * part))));
    // a density can be infinite, or overflow in these units: such points are left out
    let curve: Vec<(f64, f64)> = points.filter(|point| point.1.is_finite()).collect();
    let bars: Vec<f64> = heights.map(|height| axis.y(height)).collect();
    let top = bars.iter().copied().chain(curve.iter().map(|point| point.1)).fold(0.0, f64::max) * 1.05;
    let std = panel.statistics.std().map_or_else(|| "-".to_owned(), |std| Short(std).to_string());
    let promised = panel.expected.map_or_else(String::new, |expected| format!(", promised {}", Short(expected.std)));
    // as much as fits above a panel; the end of a name tells tensors apart, its beginning is often the same
    let name = printable(&panel.name);
    let name: String = name.chars().skip(name.chars().count().saturating_sub(44)).collect();
    let area = area.titled(&name, ("sans-serif", 11))?;
    let area = area.titled(&format!("std {std}{promised}"), ("sans-serif", 10))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .x_label_area_size(18)
        .y_label_area_size(30)
        .build_cartesian_2d(axis.x(0.0)..axis.x(1.0), 0.0..top)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_mesh().x_labels(4).y_labels(3).label_style(("sans-serif", 9));
    let told = |part: &f64| Short(low + (high - low) * part).to_string();
    let told_density = |height: &f64| Short(height / (high - low)).to_string();
    // the axes count parts of the range then: the labels turn them into values again
    if axis.range.is_none() {
        mesh.x_label_formatter(&told).y_label_formatter(&told_density);
    }
    mesh.draw()?;
    let bars = bars.into_iter().enumerate().map(|(i, height)| {
        let (left, right) = (axis.x(i as f64 / bins), axis.x((i + 1) as f64 / bins));
        Rectangle::new([(left, 0.0), (right, height)], RGBColor(120, 160, 210).filled())
    });
    chart.draw_series(bars)?;
    if panel.expected.is_some() {
        chart.draw_series(LineSeries::new(curve, RGBColor(200, 60, 40).stroke_width(2)))?;
    }
    Ok(())
}

/// A panel's axes. Plotters looks for round labels in steps of 1e-16, and does not end where a range is far below.
/// There the axes count parts of the range.
struct Axis {
    /// The begin and the length of an ordinary range. None for a tiny or a huge one.
    range: Option<(f64, f64)>,
}

impl Axis {
    fn of(histogram: &Histogram) -> Self {
        let Histogram { low, high, .. } = *histogram;
        let range = high - low;
        let is_ordinary = (1e-9..1e9).contains(&range) && low.abs().max(high.abs()) < 1e6 * range;
        Self { range: is_ordinary.then_some((low, range)) }
    }

    /// The coordinate of a part of the range, from 0 to 1.
    fn x(&self, part: f64) -> f64 {
        self.range.map_or(part, |(low, range)| low + range * part)
    }

    /// The coordinate of a density, in units of the uniform one.
    fn y(&self, density: f64) -> f64 {
        self.range.map_or(density, |(_, range)| density / range)
    }
}

/// A number in a label: five decimals, or an exponent where it is small or large.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A panel over a range, as the drawing's text.
    fn drawn(low: f64, high: f64, name: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        let histogram = Histogram { low, high, counts: vec![1; 64] };
        let statistics = Statistics::of(&[low, high]);
        plot(&path, &[Panel { name: name.to_owned(), statistics, histogram, expected: None }]).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn any_range_is_drawn() {
        let ulp = 1.0 + f64::EPSILON;
        let ranges =
            [(0.0, 5e-324), (-1e-320, 1e-310), (1.0, ulp), (-8.9e307, 8.9e307), (1e300, 1e300 * ulp), (0.0, 1e-17)];
        for (low, high) in ranges.into_iter().chain((-323..308).map(|e| (0.0, 10f64.powi(e)))) {
            let drawing = drawn(low, high, "w");
            assert!(drawing.matches("<rect").count() >= 64, "{low} {high}");
            assert!(drawing.len() < 20_000, "{low} {high}: {} bytes", drawing.len());
        }
        // labels of ordinary ranges are round
        let drawing = drawn(-1.0, 1.0, "w");
        assert!(["\n-1.0\n", "\n0.0\n", "\n1.0\n"].iter().all(|label| drawing.contains(label)), "{drawing}");
    }

    #[test]
    fn names_are_such_as_xml_takes() {
        let drawing = drawn(0.0, 1.0, "<a>&\u{ffff}\u{fffe}\u{202e}\u{feff}");
        assert!(drawing.contains("&lt;a&gt;&amp;\\u{ffff}\\u{fffe}\\u{202e}\\u{feff}"), "{drawing}");
        assert!(drawing.chars().all(|c| !('\u{fffe}'..='\u{ffff}').contains(&c)));
    }
}
