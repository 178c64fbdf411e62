//! A tensor: numbers of one format in rows.

use crate::{Bytes, Format};

/// Numbers of one format, in row-major order. A clone is cheap and shares the bytes.
#[derive(Debug, Clone)]
pub struct Tensor {
    format: Format,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl Tensor {
    /// A tensor of these bytes, which may lie anywhere in memory. `None` where they are not exactly as many as the
    /// shape takes, or where its numbers do not fill blocks.
    #[must_use]
    pub fn new(format: Format, shape: Vec<usize>, bytes: Bytes) -> Option<Self> {
        let needed = format.tensor_bytes(&shape)?;
        (needed == bytes.len()).then_some(Self { format, shape, bytes })
    }

    /// What the bytes mean.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Extents, the one that changes slowest first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Extent of the first dimension; 1 for a tensor without dimensions.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Numbers of a row: the product of all extents but the first.
    #[must_use]
    pub fn columns(&self) -> usize {
        product(self.shape.iter().skip(1))
    }

    /// How many numbers there are.
    #[must_use]
    pub fn numbers(&self) -> usize {
        product(self.shape.iter())
    }

    /// The bytes of a row. `None` behind the last one, and where rows do not fill blocks.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[u8]> {
        let of_row = self.format.row_bytes(self.columns())?;
        let start = index.checked_mul(of_row)?;
        if index >= self.rows() {
            return None;
        }
        self.bytes.get(start..start.checked_add(of_row)?)
    }

    /// One of the parts of `count` rows each that are stacked in this tensor, which shares its bytes. `None` where the
    /// rows are no multiple of `count`, where there are fewer parts, and where rows do not fill blocks.
    #[must_use]
    pub fn part(&self, index: usize, count: usize) -> Option<Self> {
        if count == 0 || self.shape.is_empty() || !self.rows().is_multiple_of(count) {
            return None;
        }
        let size = self.format.row_bytes(self.columns())?.checked_mul(count)?;
        if index >= self.rows() / count {
            return None;
        }
        let mut shape = self.shape.clone();
        *shape.first_mut()? = count;
        let start = index.checked_mul(size)?;
        let bytes = self.bytes.slice(start..start.checked_add(size)?)?;
        Some(Self { format: self.format, shape, bytes })
    }

    /// All numbers, widened.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut numbers = vec![0.0; self.numbers()];
        self.format.widen(&self.bytes, &mut numbers);
        numbers
    }
}

/// Where one extent is zero, the others can be so large that their product is no number.
fn product<'a>(extents: impl Iterator<Item = &'a usize>) -> usize {
    extents.fold(1, |all: usize, &extent| all.saturating_mul(extent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let numbers: Vec<u8> = (0..count).flat_map(|n| (n as f32).to_le_bytes()).collect();
        Tensor::new(Format::F32, shape.into(), numbers.into()).unwrap()
    }

    #[test]
    fn rows_and_parts_are_cut_out() {
        let tensor = counting(&[4, 2, 3]);
        assert_eq!((tensor.rows(), tensor.columns(), tensor.numbers()), (4, 6, 24));
        let row = tensor.row(3).unwrap();
        assert_eq!(row.len(), 24);
        assert_eq!(row[..4], 18_f32.to_le_bytes());
        assert!(tensor.row(4).is_none());
        let part = tensor.part(1, 2).unwrap();
        assert_eq!((part.shape(), part.to_f32()[0]), (&[2, 2, 3][..], 12.0));
        assert_eq!(part.part(1, 1).unwrap().to_f32()[0], 18.0);
        for (index, count) in [(2, 2), (0, 3), (0, 0), (usize::MAX, 2), (0, usize::MAX)] {
            assert!(tensor.part(index, count).is_none(), "{index} {count}");
        }
        let scalar = counting(&[]);
        assert_eq!((scalar.rows(), scalar.columns(), scalar.numbers()), (1, 1, 1));
        assert!(scalar.part(0, 1).is_none());
        assert_eq!(scalar.row(0).unwrap().len(), 4);
    }

    #[test]
    fn nothing_has_any_shape() {
        for shape in [[0, usize::MAX, 4], [usize::MAX, 4, 0]] {
            let tensor = Tensor::new(Format::F32, shape.into(), Vec::new().into()).unwrap();
            assert_eq!((tensor.numbers(), tensor.to_f32()), (0, Vec::new()));
            let _ = (tensor.columns(), tensor.row(0), tensor.part(0, 1));
        }
    }

    #[test]
    fn blocks_are_not_cut() {
        let tensor = Tensor::new(Format::Q8_0, vec![64], vec![0; 68].into()).unwrap();
        assert!(tensor.row(0).is_none() && tensor.part(0, 32).is_none());
        assert_eq!(tensor.to_f32(), [0.0; 64]);
        assert!(Tensor::new(Format::Q8_0, vec![2, 16], vec![0; 34].into()).is_none(), "rows share a block");
        assert!(Tensor::new(Format::Q8_0, vec![1, 32], vec![0; 33].into()).is_none());
        assert!(Tensor::new(Format::F32, vec![usize::MAX, 4], vec![0; 32].into()).is_none());
    }
}
