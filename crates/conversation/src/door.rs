//! Where a host is, where that is not known beforehand: behind a tunnel, as a process that has to be started first, or
//! the first of several that answers.

use std::{any::Any, fmt, pin::Pin, sync::Arc};

use crate::{host::Host, problem::Problem};

/// Finds the way to a host. It is asked anew for each try, because a tunnel or a process may have gone, or be somewhere
/// else by now.
pub trait Door: Send + Sync {
    /// Finds it. Whoever does not want it any more drops the future.
    fn find(&self) -> Finding;
}

/// A way that is being looked for.
pub type Finding = Pin<Box<dyn Future<Output = Result<Found, NoWay>> + Send>>;

/// A way that was found.
pub struct Found {
    /// Whom to call.
    pub host: Host,
    /// What has to be kept for as long as the call lasts, such as a tunnel.
    pub keeps: Option<Box<dyn Any + Send>>,
}

/// There is no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoWay {
    /// Why.
    pub problem: Problem,
    /// Whether looking again in a moment can help by itself.
    pub may_pass: bool,
}

/// A door, as a part of an address. Two are the same where they are one.
#[derive(Clone)]
pub struct Behind(pub Arc<dyn Door>);

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Behind")
    }
}

impl PartialEq for Behind {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Behind {}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("host", &self.host).finish_non_exhaustive()
    }
}
