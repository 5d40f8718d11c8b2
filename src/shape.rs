//! A tensor's shape and the fans that it gives.

use crate::names::names;
use crate::{Error, Result};

/// The order of a weight's dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// (out, in, *kernel): PyTorch, candle, and burn's convolutions.
    #[default]
    OutIn,
    /// (*kernel, in, out): JAX, Keras, TensorFlow, and the weight of burn's `Linear`.
    InOut,
}

names!(Layout, "layout", { OutIn => "out_in", InOut => "in_out" });

/// The number of inputs that each output sums over, and the number of outputs that each input feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Fans {
    /// Inputs that each output sums over.
    pub fan_in: u64,
    /// Outputs that each input feeds.
    pub fan_out: u64,
}

/// The shape of a whole tensor, with the layout and the options of the layer that its fans depend on.
///
/// Fans come from the shape alone, as in PyTorch, unless groups, a transposed layer or the fans themselves
/// are given.
///
/// ```
/// use seedtensors::{Fans, Layout, Shape};
///
/// // Conv2d(4, 8, 3)
/// let conv = Shape::new(&[8, 4, 3, 3])?;
/// assert_eq!(conv.fans()?, Fans { fan_in: 36, fan_out: 72 });
/// assert_eq!(Shape::new(&[3, 3, 4, 8])?.with_layout(Layout::InOut).fans()?, conv.fans()?);
///
/// // Conv2d(4, 8, 3, groups = 4), ConvTranspose2d(4, 8, 3)
/// let depthwise = Shape::new(&[8, 1, 3, 3])?.with_groups(4);
/// assert_eq!(depthwise.fans()?, Fans { fan_in: 9, fan_out: 18 });
/// let transposed = Shape::new(&[4, 8, 3, 3])?.with_transposed(true);
/// assert_eq!(transposed.fans()?, Fans { fan_in: 36, fan_out: 72 });
/// # Ok::<(), seedtensors::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::serde::ShapeTable", into = "crate::serde::ShapeTable"))]
pub struct Shape {
    /// Sizes of the dimensions, the outermost first.
    dims: Vec<u64>,
    /// Their product.
    elements: u64,
    /// The positions of inputs and outputs among them.
    layout: Layout,
    /// Groups of the layer; 1 unless given.
    groups: u64,
    /// Whether the weight has its inputs first.
    transposed: bool,
    /// Fans that replace those of the shape.
    fans: Option<Fans>,
}

impl Shape {
    /// A shape by its dimensions. Without dimensions it is a scalar, of one element.
    ///
    /// Dimensions are `u64`, also on 32-bit hosts. `Shape::try_from` takes a slice of `usize`.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeOverflow`] where the number of elements does not fit in 64 bits.
    pub fn new(dims: &[u64]) -> Result<Self> {
        let overflow = || Error::ShapeOverflow { what: format!("the number of elements of shape {dims:?}") };
        // a shape with a 0 has no elements, even where the product of the others overflows
        let elements = if dims.contains(&0) {
            0
        } else {
            dims.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim)).ok_or_else(overflow)?
        };
        Ok(Self { dims: dims.to_vec(), elements, layout: Layout::default(), groups: 1, transposed: false, fans: None })
    }

    /// Sets which dimensions are inputs and outputs, for the fans and the convolution matrices. Elements stay in
    /// row-major order, so a shape (in, out) does not give the transpose of (out, in).
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets the number of groups that the channels are split into. [`fans`](Self::fans) checks that it divides the
    /// outputs.
    #[must_use]
    pub fn with_groups(mut self, groups: u64) -> Self {
        self.groups = groups;
        self
    }

    /// Sets whether the layer is a transposed convolution, whose weight has its inputs first.
    #[must_use]
    pub fn with_transposed(mut self, transposed: bool) -> Self {
        self.transposed = transposed;
        self
    }

    /// Sets the fans themselves; layout, groups and transposed then do not change them.
    #[must_use]
    pub fn with_fans(mut self, fans: Fans) -> Self {
        self.fans = Some(fans);
        self
    }

    /// The dimensions.
    #[must_use]
    pub fn dims(&self) -> &[u64] {
        &self.dims
    }

    /// The order of the dimensions.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The groups that the layer's channels are split into; 1 unless given.
    #[must_use]
    pub const fn groups(&self) -> u64 {
        self.groups
    }

    /// Whether the layer is a transposed convolution; false unless given.
    #[must_use]
    pub const fn transposed(&self) -> bool {
        self.transposed
    }

    /// The fans that [`with_fans`](Self::with_fans) gave.
    #[must_use]
    pub const fn given_fans(&self) -> Option<Fans> {
        self.fans
    }

    /// The number of elements.
    #[must_use]
    pub const fn elements(&self) -> u64 {
        self.elements
    }

    /// The fans: those given, or those of the shape. The receptive field is the product of the kernel's
    /// dimensions.
    ///
    /// # Errors
    ///
    /// [`Error::TooFewDimensions`] below two dimensions, and [`Error::BadParameter`] where groups is 0, does
    /// not divide the channels, or a fan does not fit in 64 bits.
    pub fn fans(&self) -> Result<Fans> {
        if let Some(fans) = self.fans {
            return Ok(fans);
        }
        let (first, second, kernel) = match (self.layout, &self.dims[..]) {
            (Layout::OutIn, [first, second, kernel @ ..]) => (*first, *second, kernel),
            (Layout::InOut, [kernel @ .., second, first]) => (*first, *second, kernel),
            _ => return Err(Error::TooFewDimensions { shape: self.dims.clone() }),
        };
        // `first` counts every group's channels, `second` one group's
        if self.groups == 0 || first % self.groups != 0 {
            return Err(Error::bad(
                &format!("groups must divide the {first} channels of shape {:?}", self.dims),
                self.groups,
            ));
        }
        // the receptive field; a kernel of no dimensions has a field of 1
        let field = kernel.iter().try_fold(1_u64, |product, &dim| product.checked_mul(dim));
        let fan = |channels: u64| field.and_then(|field| field.checked_mul(channels));
        // an output of a group sees that group's inputs only; a transposed layer has the two exchanged
        match (fan(first / self.groups), fan(second)) {
            (Some(fan_in), Some(fan_out)) if self.transposed => Ok(Fans { fan_in, fan_out }),
            (Some(fan_out), Some(fan_in)) => Ok(Fans { fan_in, fan_out }),
            _ => Err(Error::ShapeOverflow { what: format!("a fan of shape {:?}", self.dims) }),
        }
    }
}

/// A shape by the dimensions of a candle or burn tensor, as [`Shape::new`].
///
/// ```
/// use seedtensors::Shape;
///
/// let dims: [usize; 2] = [512, 784];
/// assert_eq!(Shape::try_from(&dims[..])?, Shape::new(&[512, 784])?);
/// # Ok::<(), seedtensors::Error>(())
/// ```
impl TryFrom<&[usize]> for Shape {
    type Error = Error;

    fn try_from(dims: &[usize]) -> Result<Self> {
        Self::new(&dims.iter().map(|&dim| dim as u64).collect::<Vec<_>>())
    }
}
