//! The same for hosts, and for Moshi on this computer.

use store::{HostPlace, LocalRuntime, LocalSetup};

use crate::view;

impl From<view::HostPlace> for HostPlace {
    fn from(place: view::HostPlace) -> Self {
        match place {
            view::HostPlace::ThisComputer => Self::ThisComputer,
            view::HostPlace::Moshi { address } => Self::Moshi { address },
            view::HostPlace::Bridge { address } => Self::Bridge { address },
            view::HostPlace::Ssh { target, port, remote_port } => Self::Ssh { target, port, remote_port },
        }
    }
}

impl From<HostPlace> for view::HostPlace {
    fn from(place: HostPlace) -> Self {
        match place {
            HostPlace::ThisComputer => Self::ThisComputer,
            HostPlace::Moshi { address } => Self::Moshi { address },
            HostPlace::Bridge { address } => Self::Bridge { address },
            HostPlace::Ssh { target, port, remote_port } => Self::Ssh { target, port, remote_port },
        }
    }
}

impl From<view::Runtime> for LocalRuntime {
    fn from(runtime: view::Runtime) -> Self {
        match runtime {
            view::Runtime::MycaHost => Self::MycaHost,
            view::Runtime::PythonMoshi => Self::PythonMoshi,
            view::Runtime::PersonaPlex => Self::PersonaPlex,
            view::Runtime::MoshiBackend => Self::MoshiBackend,
            view::Runtime::Docker => Self::Docker,
        }
    }
}

impl From<LocalRuntime> for view::Runtime {
    fn from(runtime: LocalRuntime) -> Self {
        match runtime {
            LocalRuntime::MycaHost => Self::MycaHost,
            LocalRuntime::PythonMoshi => Self::PythonMoshi,
            LocalRuntime::PersonaPlex => Self::PersonaPlex,
            LocalRuntime::MoshiBackend => Self::MoshiBackend,
            LocalRuntime::Docker => Self::Docker,
        }
    }
}

impl From<LocalSetup> for view::LocalSetup {
    fn from(setup: LocalSetup) -> Self {
        let LocalSetup { runtime, model, python, backend, image, with_app } = setup;
        Self { runtime: runtime.into(), model, python, backend, image, with_app }
    }
}
