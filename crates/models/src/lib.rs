//! Models on this computer.
//!
//! The [`Catalogue`] says which models there are and what they need. The [`Shelf`] is the folder that they lie in: it
//! says what is there, whole or in part, and what is in Hugging Face's own cache, which is used and never written. A
//! model comes onto it by [`download`], or by [`Shelf::import`], which leaves a folder where it lies and remembers it.
//! [`examine`] looks into files that somebody else put somewhere.
//!
//! A model is on the shelf when its marker is, which is written last. What has no marker is never handed out.

mod catalogue;
mod download;
mod durable;
mod examine;
mod hub_cache;
mod lock;
mod marker;
mod measure;
mod name;
mod shelf;
mod space;

pub use catalogue::{Catalogue, CatalogueError, Licence, Model, ModelFile, Purpose, Runtime, Weights};
pub use download::{DownloadError, Hub, HubError, Options, Phase, Progress, download};
pub use examine::{ExamineError, Examined, Format, Kind, Names, examine};
pub use hub_cache::HubCache;
pub use shelf::{InUse, Kept, Origin, Shelf, ShelfError, State};
pub use space::free;
