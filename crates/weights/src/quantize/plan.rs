//! Which tensors there will be, and where their numbers come from.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::layout::{self, Depformer, Named};
use crate::{Error, File, Format, Info, Planned};

/// A tensor that will be written.
#[derive(Debug)]
pub(super) struct Step {
    name: String,
    shape: Vec<usize>,
    pub(super) format: Format,
    /// The tensor that it is, or is a part of.
    pub(super) source: String,
    /// How that one is stored.
    pub(super) stored: Format,
    /// Where its bytes are in the file.
    pub(super) place: Range<u64>,
    /// How many numbers of that tensor come before it.
    pub(super) before: usize,
}

impl Step {
    pub(super) fn planned(&self) -> Planned {
        Planned { name: self.name.clone(), shape: self.shape.clone(), format: self.format }
    }

    /// Bytes that are read for it.
    pub(super) fn bytes(&self) -> u64 {
        self.place.end - self.place.start
    }
}

/// All tensors, in the order in which their numbers lie in the file.
pub(super) fn plan(weights: &File, depformer: &Depformer, wanted: Format) -> Result<Vec<Step>, Error> {
    let damaged = |reason| Error::Damaged { path: weights.path().into(), reason };
    let mut steps: BTreeMap<String, Step> = BTreeMap::new();
    for (tensor, info) in weights.tensors() {
        let stored = info.format.ok_or_else(|| Error::TensorType {
            path: weights.path().into(),
            name: tensor.into(),
            found: info.type_name.clone(),
        })?;
        for named in layout::names(tensor, depformer) {
            let step = step(tensor, info, stored, named, wanted).map_err(damaged)?;
            if let Some(twice) = steps.insert(step.name.clone(), step) {
                let reason = format!("{} and {tensor} are both {}", twice.source, twice.name);
                return Err(damaged(reason));
            }
        }
    }
    let mut steps: Vec<_> = steps.into_values().collect();
    steps.sort_by_key(|step| step.place.start);
    Ok(steps)
}

fn step(tensor: &str, info: &Info, stored: Format, named: Named, wanted: Format) -> Result<Step, String> {
    let all = info.place.start as u64..info.place.end as u64;
    let Named { name, part: Some(part) } = named else {
        let (shape, name) = (info.shape.clone(), named.name);
        let format = format(&shape, wanted);
        return Ok(Step { name, shape, format, source: tensor.into(), stored, place: all, before: 0 });
    };
    let wrong = || format!("{tensor} of shape {:?} has no part {part}", info.shape);
    let &[rows, columns] = info.shape.as_slice() else { return Err(wrong()) };
    // A projection is square; that of the input is three in one.
    let count = if tensor.ends_with(".in_proj_weight") { columns.checked_mul(3) } else { Some(columns) };
    let count = count.filter(|&count| count > 0 && rows.is_multiple_of(count) && part < rows / count);
    let count = count.ok_or_else(wrong)?;
    let row = stored.row_bytes(columns).ok_or_else(wrong)?;
    // Both are less than what the whole tensor has.
    let (bytes, before) = (row * count, part * count * columns);
    let start = all.start + (part * bytes) as u64;
    let shape = vec![count, columns];
    let format = format(&shape, wanted);
    let place = start..start + bytes as u64;
    Ok(Step { name, shape, format, source: tensor.into(), stored, place, before })
}

/// How a tensor is stored. Matrices are where nearly all numbers are; the others are few, and a network is more
/// sensitive to them.
fn format(shape: &[usize], wanted: Format) -> Format {
    let &[_, columns] = shape else { return Format::F32 };
    let fills = |format: &Format| columns.is_multiple_of(format.block().0);
    [wanted, Format::Q8_0].into_iter().find(fills).unwrap_or(Format::F32)
}
